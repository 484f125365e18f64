//! Every path through a finite tree of choices, for tests that let happen whatever can.

/// One path; [`Path::next`] goes on to the following one, depth first.
#[derive(Default)]
pub(crate) struct Path {
    /// What was chosen, and among how many.
    pub(crate) choices: Vec<(usize, usize)>,
    depth: usize,
}

impl Path {
    /// One of `among`.
    pub(crate) fn choose(&mut self, among: usize) -> usize {
        if self.depth == self.choices.len() {
            self.choices.push((0, among));
        }
        let (chosen, width) = self.choices[self.depth];
        assert_eq!(width, among, "the same choices lead to the same state");
        self.depth += 1;
        chosen
    }

    /// Whether there is a further path. It then begins.
    pub(crate) fn next(&mut self) -> bool {
        self.depth = 0;
        while let Some((chosen, among)) = self.choices.pop() {
            if chosen + 1 < among {
                self.choices.push((chosen + 1, among));
                return true;
            }
        }
        false
    }
}
