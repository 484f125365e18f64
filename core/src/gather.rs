//! Sets and maps, gathered item by item.

/// All of `items`, as `collect` would have them. But `collect` sorts before it builds a tree, by a sort made for that type alone: 3 KB of the
/// Worker each. For few items, or those that come in order, this is as quick.
pub fn gather<C: Default + Extend<T>, T>(items: impl IntoIterator<Item = T>) -> C {
    let mut gathered = C::default();
    gathered.extend(items);
    gathered
}
