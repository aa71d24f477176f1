fn main() {
    println!("qd");
}
