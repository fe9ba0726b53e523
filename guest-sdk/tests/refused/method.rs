use au_guest::async_compute;

struct Counter(u32);

impl Counter {
    #[async_compute]
    fn next(&mut self) -> u32 {
        self.0 += 1;
        self.0
    }
}

fn main() {}
