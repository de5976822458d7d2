//! A headless Chromium, driven over WebDriver: as much of the protocol as these tests need.
//!
//! ```text
//!   Browser::open ──▶ chromedriver --port=0 ──▶ a session       drop ends both
//!   go · script · keys · size · theme · console · picture
//! ```
//!
//! The protocol is JSON over HTTP to one's own machine, so a socket of the standard library does.
//! A client crate was rejected: the smallest brings an asynchronous runtime into the tree.

use serde_json::{Value, json};
use std::{
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    path::Path,
    process::{Child, Command, Stdio},
    time::Duration,
};

/// Set where a missing browser is a failure and not a reason to skip.
const MANDATORY: &str = "SPLITBRAIN_BROWSER_TESTS";

/// No answer takes longer.
const PATIENCE: Duration = Duration::from_secs(60);

/// One window of one browser.
pub(crate) struct Browser {
    driver: Child,
    port: u16,
    session: String,
}

impl Browser {
    /// Starts a browser; says why and gives none where there is no driver.
    ///
    /// # Panics
    /// Where there is none and there must be one.
    pub(crate) fn open() -> Option<Self> {
        let started = Command::new("chromedriver")
            .arg("--port=0")
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn();
        let mut driver = match started {
            Ok(driver) => driver,
            Err(error) => {
                let must = std::env::var(MANDATORY).is_ok_and(|value| value != "0");
                assert!(!must, "{MANDATORY} is set, and chromedriver does not start: {error}");
                eprintln!(
                    "skipped: chromedriver does not start ({error}); install chromium-driver"
                );
                return None;
            }
        };
        let mut lines = BufReader::new(driver.stdout.take().expect("it is piped")).lines();
        let port = loop {
            let line = lines.next().expect("it tells its port").expect("it is text");
            if let Some((_, rest)) = line.split_once("successfully on port ") {
                break rest.trim_end_matches('.').parse().expect("a port");
            }
        };
        let mut browser = Self { driver, port, session: String::new() };
        let arguments = [
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--hide-scrollbars",
        ];
        let wanted = json!({"capabilities": {"alwaysMatch": {
            "browserName": "chrome",
            "goog:loggingPrefs": {"browser": "ALL"},
            "goog:chromeOptions": {"args": arguments},
        }}});
        let session = browser.call("POST", "/session", &wanted);
        session["sessionId"].as_str().expect("a session").clone_into(&mut browser.session);
        browser.size(1280, 1000);
        Some(browser)
    }

    /// Sends a command; gives the value that comes back.
    fn call(&self, method: &str, path: &str, body: &Value) -> Value {
        let mut socket = TcpStream::connect(("127.0.0.1", self.port)).expect("the driver listens");
        socket.set_read_timeout(Some(PATIENCE)).expect("a socket has one");
        let body = if method == "POST" { body.to_string() } else { String::new() };
        let (port, length) = (self.port, body.len());
        write!(
            socket,
            "{method} {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\n\
             Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}"
        )
        .expect("the driver reads");
        let mut reader = BufReader::new(socket);
        let mut length = 0;
        loop {
            let mut line = String::new();
            reader.read_line(&mut line).expect("the driver answers");
            if let Some((name, value)) = line.trim().split_once(':')
                && name.eq_ignore_ascii_case("content-length")
            {
                length = value.trim().parse().expect("a length");
            }
            if line.trim().is_empty() {
                break;
            }
        }
        let mut answer = vec![0; length];
        reader.read_exact(&mut answer).expect("the whole answer");
        let answer: Value = serde_json::from_slice(&answer).expect("JSON");
        assert!(answer["value"]["error"].is_null(), "{path}: {}", answer["value"]);
        answer["value"].clone()
    }

    fn command(&self, command: &str, body: &Value) -> Value {
        self.call("POST", &format!("/session/{}/{command}", self.session), body)
    }

    /// Opens an address.
    pub(crate) fn go(&self, address: &str) {
        self.command("url", &json!({ "url": address }));
    }

    /// Opens a file, with what stands behind `#`.
    pub(crate) fn open_file(&self, path: &Path, hash: &str) {
        self.go("about:blank");
        self.go(&format!("file://{}{hash}", path.display()));
        let ready = self.script("return document.documentElement.dataset.ready");
        assert_eq!(ready, "yes", "the page starts: {:?}", self.console());
    }

    /// Runs a script in the page.
    pub(crate) fn script(&self, script: &str) -> Value {
        self.script_with(script, &json!([]))
    }

    /// The same with arguments.
    pub(crate) fn script_with(&self, script: &str, arguments: &Value) -> Value {
        self.command("execute/sync", &json!({"script": script, "args": arguments}))
    }

    /// Waits for two frames, so that what was changed has been drawn.
    pub(crate) fn settle(&self) {
        let script = "const done = arguments[0]; \
                      requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(done, 80)));";
        self.command("execute/async", &json!({"script": script, "args": []}));
    }

    /// Presses keys one after the other.
    pub(crate) fn keys(&self, keys: &str) {
        let actions: Vec<Value> = keys
            .chars()
            .flat_map(|key| {
                [json!({"type": "keyDown", "value": key}), json!({"type": "keyUp", "value": key})]
            })
            .collect();
        self.command(
            "actions",
            &json!({"actions": [{"type": "key", "id": "keyboard", "actions": actions}]}),
        );
    }

    /// Clicks on a place of the window.
    pub(crate) fn click(&self, x: f64, y: f64) {
        let actions = json!([
            {"type": "pointerMove", "duration": 0, "x": x.round() as i64, "y": y.round() as i64},
            {"type": "pointerDown", "button": 0},
            {"type": "pointerUp", "button": 0},
        ]);
        self.command(
            "actions",
            &json!({"actions": [{"type": "pointer", "id": "mouse", "actions": actions}]}),
        );
    }

    fn devtools(&self, command: &str, parameters: &Value) -> Value {
        self.command("goog/cdp/execute", &json!({"cmd": command, "params": parameters}))
    }

    /// Makes the window so large, in pixels.
    pub(crate) fn size(&self, width: u32, height: u32) {
        self.devtools(
            "Emulation.setDeviceMetricsOverride",
            &json!({"width": width, "height": height, "deviceScaleFactor": 1, "mobile": false}),
        );
    }

    /// Prefers light or dark.
    pub(crate) fn prefer(&self, scheme: &str) {
        let feature = json!({"name": "prefers-color-scheme", "value": scheme});
        self.devtools("Emulation.setEmulatedMedia", &json!({ "features": [feature] }));
    }

    /// Shows the page as it is on paper.
    pub(crate) fn print_media(&self) {
        self.devtools("Emulation.setEmulatedMedia", &json!({"media": "print"}));
    }

    /// How many pages it takes on paper.
    pub(crate) fn printed_pages(&self) -> usize {
        let paper = self.command("print", &json!({"background": true}));
        let letters = paper.as_str().expect("a document in letters");
        let bytes = unpacked(letters);
        // Each page of a document is an object of this type; the tree of pages is another one.
        let is_page = |window: &&[u8]| window.starts_with(b"/Type /Page") && window[11] != b's';
        bytes.windows(12).filter(is_page).count()
    }

    /// What those see who see nothing: all nodes of the accessibility tree.
    pub(crate) fn accessible(&self) -> Vec<Value> {
        self.devtools("Accessibility.enable", &json!({}));
        let tree = self.devtools("Accessibility.getFullAXTree", &json!({}));
        tree["nodes"].as_array().expect("a list").clone()
    }

    /// What was written to the console since it was last asked.
    pub(crate) fn console(&self) -> Vec<String> {
        let lines = self.command("se/log", &json!({"type": "browser"}));
        let lines = lines.as_array().expect("a list").iter();
        // The page reads no pixels; tests do, and the browser remarks on it.
        let is_of_the_page = |line: &&Value| {
            !line["message"].as_str().is_some_and(|text| text.contains("willReadFrequently"))
        };
        lines
            .filter(is_of_the_page)
            .map(|line| format!("{}: {}", line["level"], line["message"]))
            .collect()
    }
}

/// The bytes that letters of base 64 stand for.
fn unpacked(letters: &str) -> Vec<u8> {
    const ORDER: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let values: Vec<u32> =
        letters.chars().filter_map(|one| ORDER.find(one)).map(|place| place as u32).collect();
    let mut bytes = Vec::new();
    for four in values.chunks(4) {
        let word = four.iter().fold(0, |word, value| word << 6 | value) << (6 * (4 - four.len()));
        let whole = [word >> 16, word >> 8, word].map(|part| (part & 0xff) as u8);
        bytes.extend_from_slice(&whole[..four.len() - 1]);
    }
    bytes
}

impl Drop for Browser {
    fn drop(&mut self) {
        if !self.session.is_empty() && !std::thread::panicking() {
            self.call("DELETE", &format!("/session/{}", self.session), &json!({}));
        } else if !self.session.is_empty() {
            // The test has failed already; a driver that is gone must not hide why.
            _ = TcpStream::connect(("127.0.0.1", self.port)).and_then(|mut socket| {
                socket.set_read_timeout(Some(PATIENCE))?;
                let session = &self.session;
                write!(socket, "DELETE /session/{session} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")?;
                socket.read_exact(&mut [0])
            });
        }
        _ = self.driver.kill();
        _ = self.driver.wait();
    }
}
