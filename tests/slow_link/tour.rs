//! The tour as the README has it: its table of steps, and that of what each of them costs.

/// One row of the table.
pub struct Step {
    pub to: String,
    pub keys: Vec<u8>,
    pub wrong: Turn,
}

/// What a newcomer presses there by mistake, what the screen says to that, and what leads back.
pub struct Turn {
    pub keys: Vec<u8>,
    pub said: String,
    pub back: Vec<u8>,
}

/// What a step costs.
pub struct Figure {
    pub to: String,
    pub keys: usize,
    pub bytes: usize,
}

/// The rows of the table that begins with this head.
fn table(head: &str) -> Vec<Vec<String>> {
    let text = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/README.md")).unwrap();
    let lines = text.lines().skip_while(|line| !line.starts_with(head)).skip(2);
    let rows = lines.take_while(|line| line.starts_with('|'));
    let cells = |row: &str| -> Vec<String> { row.trim_matches('|').split(" |").map(|c| c.trim().to_owned()).collect() };
    rows.map(cells).collect()
}

/// The keys of a cell: each stands between backticks, by its name, as a letter or as what is typed.
fn keys(cell: &str) -> Vec<u8> {
    let named = |key: &str| match key {
        "enter" => b"\r".to_vec(),
        "esc" => b"\x1b".to_vec(),
        "tab" => b"\t".to_vec(),
        "space" => b" ".to_vec(),
        "backspace" => b"\x7f".to_vec(),
        "ctrl-u" => b"\x15".to_vec(),
        typed => typed.as_bytes().to_vec(),
    };
    let keys = cell.split('`').skip(1).step_by(2).flat_map(str::split_whitespace);
    keys.flat_map(named).collect()
}

/// `` `R`: “R does nothing here”, `esc` ``
fn turn(cell: &str) -> Turn {
    let (pressed, rest) = cell.split_once('“').unwrap_or_else(|| panic!("{cell} says nothing"));
    let (said, back) = rest.split_once('”').unwrap();
    let turn = Turn {
        keys: keys(pressed),
        said: said.to_owned(),
        back: keys(back),
    };
    assert!(!turn.keys.is_empty() && !turn.said.is_empty(), "{cell}");
    turn
}

/// The steps of the tour.
pub fn tour() -> Vec<Step> {
    let rows = table("| to | press |");
    let step = |row: &Vec<String>| Step {
        to: row[0].clone(),
        keys: keys(&row[1]),
        wrong: turn(&row[3]),
    };
    rows.iter().map(step).collect()
}

/// What they cost over the worst link.
pub fn figures() -> Vec<Figure> {
    let rows = table("| to | keys | bytes |");
    let number = |cell: &str| cell.replace(',', "").parse().unwrap_or(0);
    let figure = |row: &Vec<String>| Figure {
        to: row[0].clone(),
        keys: number(&row[1]),
        bytes: number(&row[2]),
    };
    rows.iter().map(figure).collect()
}
