//! The heat map as a picture: a square per cell, a letter in each square that is not well.
//!
//! ```text
//!   lost   c   ▢ ▢ ▢ ▣ ▢
//!   crash  p1  ▢ ▢ ▢ ▢ ▤        across: the events of the calm run, in order
//! ```
//!
//! Squares keep their size and the picture grows with the map, since a shade that is squeezed to a
//! pixel says nothing. Colours are those of all charts, so that the dark page knows them; letters
//! say the same to those who cannot tell colours apart.

use super::{
    super::heat_map::{HeatMap, Shade},
    frame::{self, CAREFUL, DANGER, Frame, INK, QUIET, TEXT, WIDTH, ascii, small},
};
use plotters::{
    element::{Rectangle, Text},
    prelude::*,
};

/// The side of a square, at most.
const SIDE_MAX: i32 = 16;
/// How high a row is.
const HEIGHT: i32 = 16;
/// Where the squares begin.
const LEFT: i32 = 190;
const TOP: i32 = 92;

/// Draws a map.
pub(super) fn heat(map: &HeatMap) -> String {
    let height = TOP + HEIGHT * map.rows.len() as i32 + 20;
    let frame = Frame { title: &map.title, description: &map.description, height: height as u32 };
    frame.draw(|root| {
        let put = |text: &str, at: (i32, i32), colour: RGBColor| {
            let text = Text::new(ascii(text), at, small(colour));
            root.draw(&text).expect(frame::SOUND);
        };
        let title = Text::new(ascii(&map.title), (14, 10), frame::caption(map.title.len()));
        root.draw(&title).expect(frame::SOUND);
        legend(root, &put);
        let room = (WIDTH as i32 - LEFT - 14) / map.columns.len().max(1) as i32;
        let side = room.clamp(2, SIDE_MAX);
        let x = |column: usize| LEFT + side * column as i32;
        if side >= 8 {
            for (place, column) in map.columns.iter().enumerate() {
                put(&column.what.to_string(), (x(place) + 2, TOP - 32), QUIET);
                put(&column.place.to_string(), (x(place) + 2, TOP - 18), QUIET);
            }
        }
        let mut last = "";
        for (place, row) in map.rows.iter().enumerate() {
            let y = TOP + HEIGHT * place as i32;
            if row.kind != last {
                put(&row.kind, (14, y + 1), TEXT);
            }
            put(&row.of, (120, y + 1), TEXT);
            for (column, shade) in map.shades(row).into_iter().enumerate() {
                if let Some(shade) = shade {
                    square(root, (x(column), y), side, shade);
                }
            }
            last = &row.kind;
        }
    })
}

fn square(root: &frame::Area<'_>, (x, y): (i32, i32), side: i32, shade: Shade) {
    let corners = [(x, y), (x + side - 1, y + HEIGHT - 2)];
    let style = match shade {
        Shade::Untested => QUIET.mix(0.15),
        Shade::Well => INK.mix(0.25),
        Shade::Allowed => CAREFUL.mix(0.7),
        Shade::Unknown => QUIET.mix(0.9),
        Shade::Broken => DANGER.mix(1.0),
    };
    root.draw(&Rectangle::new(corners, style.filled())).expect(frame::SOUND);
    if shade >= Shade::Allowed && side >= 8 {
        let letter = shade.letter().to_string();
        let text = Text::new(letter, (x + 3, y + 1), small(WHITE));
        root.draw(&text).expect(frame::SOUND);
    }
}

fn legend(root: &frame::Area<'_>, put: &impl Fn(&str, (i32, i32), RGBColor)) {
    let mut x = 14;
    for shade in Shade::ALL.into_iter().rev() {
        square(root, (x, 38), SIDE_MAX, shade);
        put(shade.words(), (x + SIDE_MAX + 4, 39), QUIET);
        x += 40 + 8 * shade.words().len() as i32;
    }
}
