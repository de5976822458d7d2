//! The look of the diagram in light and in dark: one style sheet, no colour anywhere else.
//!
//! ```text
//!   shapes ──class──▶ this sheet ──▶ colours for light, and for dark where the reader prefers it
//! ```
//!
//! Colours are written out twice instead of once as variables, since programs that turn pictures
//! into paper know no variables. Every rule begins with the root's class: several pictures may
//! stand in one page.

pub(super) const SHEET: &str = "
.space-time{font-family:ui-sans-serif,system-ui,'Segoe UI',Roboto,'DejaVu Sans',sans-serif;font-size:12px}
.space-time .ground{fill:#ffffff}
.space-time text{fill:#1d2430}
.space-time .heading{font-size:16px;font-weight:600}
.space-time .faint,.space-time .time{fill:#667085}
.space-time .time{font-size:11px;text-anchor:end;font-variant-numeric:tabular-nums}
.space-time .middle{text-anchor:middle}
.space-time .name{font-weight:600;text-anchor:middle}
.space-time .box{fill:#eef1f6;stroke:#c3cad6}
.space-time .label,.space-time .local{font-family:ui-monospace,'SF Mono','DejaVu Sans Mono',monospace;font-size:10.5px;paint-order:stroke;stroke:#ffffff;stroke-width:3.5px;stroke-linejoin:round}
.space-time .local{fill:#4a5467}
.space-time .life{stroke:#9aa4b5;stroke-width:1.2}
.space-time .down{stroke:#c0392b;stroke-width:1.6;stroke-dasharray:2 6}
.space-time .paused{stroke:#9aa4b5;stroke-width:2;stroke-dasharray:1 4}
.space-time .doubt{fill:#fbe3b5;stroke:#b7791f;stroke-width:.8}
.space-time .hatch{stroke:#b7791f;stroke-width:1.4}
.space-time .band{fill:#c0392b;fill-opacity:.07}
.space-time .bracket{fill:none;stroke:#c0392b;stroke-width:1.5}
.space-time .fault{fill:#a93226}
.space-time .gap{fill:none;stroke:#98a2b3;stroke-width:1.2}
.space-time .again{fill:#667085;font-style:italic;paint-order:stroke;stroke:#ffffff;stroke-width:4px}
.space-time .cited{fill:#f6c945;fill-opacity:.22}
.space-time .ring{fill:none;stroke:#b3541e;stroke-width:2}
.space-time .verdict{fill:#963d0d;font-weight:600}
.space-time .shaft{stroke-width:1.5;fill:none}
.space-time .head{stroke:none}
.space-time .lost .shaft{stroke-dasharray:5 4}
.space-time .cross{stroke-width:2.2}
.space-time .message:hover .shaft{stroke-width:3}
.space-time .m0 *{stroke:#2563a8}.space-time .m0 .head{fill:#2563a8}
.space-time .m1 *{stroke:#2f7d32}.space-time .m1 .head{fill:#2f7d32}
.space-time .m2 *{stroke:#8e3b9e}.space-time .m2 .head{fill:#8e3b9e}
.space-time .m3 *{stroke:#b85c00}.space-time .m3 .head{fill:#b85c00}
.space-time .m4 *{stroke:#00798c}.space-time .m4 .head{fill:#00798c}
.space-time .m5 *{stroke:#b3294e}.space-time .m5 .head{fill:#b3294e}
.space-time .m6 *{stroke:#6b6b00}.space-time .m6 .head{fill:#6b6b00}
.space-time .m7 *{stroke:#4a5a78}.space-time .m7 .head{fill:#4a5a78}
.space-time .client *{stroke:#7a8496}.space-time .client .head{fill:#7a8496}
.space-time .message .label{stroke:#ffffff}
.space-time .shape{fill:#ffffff;stroke:#1d2430;stroke-width:1.4}
.space-time .solid{fill:#1d2430;stroke:#1d2430;stroke-width:1.4}
.space-time .crash{stroke:#c0392b;stroke-width:3.2}
.space-time .boot{fill:#2f7d32;stroke:none}
.space-time .stroke{fill:none;stroke:#1d2430;stroke-width:1.3}
.space-time .step{fill:#8a94a6;stroke:none}
.space-time .operation{fill:#dbe7f5;stroke:#2563a8;stroke-width:1}
.space-time .operation.unknown{fill:#ffffff;stroke:#b3294e;stroke-dasharray:3 2}
.space-time .operation.not-done{fill:#f3dcc4;stroke:#b85c00}
@media (prefers-color-scheme:dark){
.space-time .ground{fill:#14181f}
.space-time text{fill:#e4e8ef}
.space-time .faint,.space-time .time{fill:#98a2b3}
.space-time .box{fill:#232a35;stroke:#475064}
.space-time .label,.space-time .local{stroke:#14181f}
.space-time .local{fill:#b6bfce}
.space-time .life{stroke:#5d6778}
.space-time .down{stroke:#ff7a6b}
.space-time .doubt{fill:#5a4312;stroke:#e0a63d}
.space-time .hatch{stroke:#e0a63d}
.space-time .band{fill:#ff7a6b;fill-opacity:.1}
.space-time .bracket{stroke:#ff7a6b}
.space-time .fault{fill:#ff9a8d}
.space-time .gap{stroke:#667085}
.space-time .again{fill:#98a2b3;stroke:#14181f}
.space-time .cited{fill-opacity:.16}
.space-time .ring{stroke:#ffb37a}
.space-time .verdict{fill:#ffb37a}
.space-time .m0 *{stroke:#7db4f0}.space-time .m0 .head{fill:#7db4f0}
.space-time .m1 *{stroke:#7fcf83}.space-time .m1 .head{fill:#7fcf83}
.space-time .m2 *{stroke:#d79be3}.space-time .m2 .head{fill:#d79be3}
.space-time .m3 *{stroke:#f2ab5e}.space-time .m3 .head{fill:#f2ab5e}
.space-time .m4 *{stroke:#5fcbd9}.space-time .m4 .head{fill:#5fcbd9}
.space-time .m5 *{stroke:#f28aa8}.space-time .m5 .head{fill:#f28aa8}
.space-time .m6 *{stroke:#cfcf62}.space-time .m6 .head{fill:#cfcf62}
.space-time .m7 *{stroke:#a9b7d1}.space-time .m7 .head{fill:#a9b7d1}
.space-time .message .label{stroke:#14181f}
.space-time .shape{fill:#14181f;stroke:#e4e8ef}
.space-time .solid{fill:#e4e8ef;stroke:#e4e8ef}
.space-time .crash{stroke:#ff7a6b}
.space-time .boot{fill:#7fcf83}
.space-time .stroke{stroke:#e4e8ef}
.space-time .operation{fill:#1f3450;stroke:#7db4f0}
.space-time .operation.unknown{fill:#14181f;stroke:#f28aa8}
.space-time .operation.not-done{fill:#4a3115;stroke:#f2ab5e}
}
";

/// The hatching of lifelines in doubt.
pub(super) const HATCH: &str = "<defs><pattern id=\"space-time-hatch\" width=\"5\" height=\"5\" \
     patternUnits=\"userSpaceOnUse\" patternTransform=\"rotate(45)\">\
     <line class=\"hatch\" x1=\"0\" y1=\"0\" x2=\"0\" y2=\"5\"/></pattern></defs>";
