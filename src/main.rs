fn main() { println!("qd"); }
