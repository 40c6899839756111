//! Lists: `{items, pagination: {total, limit, offset, next_cursor}}` (API §1).
//!
//! A list is made in two steps: the keys of everything that matches are collected and sorted, then only the page is read and rendered.
//! The cursor is the id of the page's last item; ids sort by creation, so what is created meanwhile shifts nothing.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::App;
use super::error::ApiError;
use super::query::Query;
use crate::feed::history::Paged;

/// What a request says about the page that it wants.
#[derive(Clone, Debug, Default, Deserialize, ToSchema)]
pub(crate) struct PageFields {
    /// 1 to 1,000; default 50.
    #[serde(default)]
    pub(super) limit: Option<usize>,
    /// Items to pass over.
    #[serde(default)]
    pub(super) offset: Option<usize>,
    /// asc or desc by creation; default desc.
    #[serde(default)]
    pub(super) order: Option<Order>,
    /// The `next_cursor` of the page before.
    #[serde(default)]
    pub(super) cursor: Option<Box<str>>,
}

/// By creation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Order {
    /// Oldest first.
    Asc,
    /// Newest first.
    #[default]
    Desc,
}

impl PageFields {
    /// From a query string.
    pub(crate) fn of_query(query: &Query) -> Result<Self, ApiError> {
        let order = match query.get("order") {
            None => None,
            Some("asc") => Some(Order::Asc),
            Some("desc") => Some(Order::Desc),
            Some(_) => return Err(ApiError::field("order", "asc or desc")),
        };
        Ok(Self {
            limit: query.number("limit")?,
            offset: query.number("offset")?,
            order,
            cursor: query.get("cursor").map(Into::into),
        })
    }

    /// The page, within the limits; `read_cursor` reads a cursor's text.
    pub(crate) fn read<K>(
        self,
        app: &App,
        read_cursor: impl FnOnce(&str) -> Option<K>,
    ) -> Result<Page<K>, ApiError> {
        let max = app.options.page_items_max;
        let limit = self.limit.unwrap_or(app.options.page_items_default);
        if limit == 0 || limit > max {
            return Err(ApiError::field("limit", &format!("1 to {max}")));
        }
        let after = self
            .cursor
            .filter(|text| !text.is_empty())
            .map(|text| {
                read_cursor(&text).ok_or_else(|| ApiError::field("cursor", "not a cursor of this list"))
            })
            .transpose()?;
        Ok(Page { limit, offset: self.offset.unwrap_or(0), order: self.order.unwrap_or_default(), after })
    }
}

/// A page of a list of things with keys that sort by creation.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Page<K> {
    limit: usize,
    offset: usize,
    order: Order,
    after: Option<K>,
}

impl<K: Copy> Page<K> {
    /// Items at most.
    pub(crate) const fn limit(&self) -> usize {
        self.limit
    }

    /// Items to pass over.
    pub(crate) const fn offset(&self) -> usize {
        self.offset
    }

    /// Whether the newest comes first.
    pub(crate) fn is_newest_first(&self) -> bool {
        self.order == Order::Desc
    }

    /// The last item of the page before.
    pub(crate) const fn after(&self) -> Option<K> {
        self.after
    }
}

impl<K: Copy> From<Page<K>> for Paged<K> {
    fn from(page: Page<K>) -> Self {
        let (newest_first, Page { limit, offset, after, .. }) = (page.is_newest_first(), page);
        Self { newest_first, after, limit, offset }
    }
}

/// Keys of a page, and what to say about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Cut<K> {
    /// The page's keys, in order.
    pub(crate) keys: Vec<K>,
    total: usize,
    limit: usize,
    offset: usize,
    more: bool,
}

impl<K: Ord + Copy> Page<K> {
    /// Cuts the page out of all keys.
    pub(crate) fn cut(self, mut keys: Vec<K>) -> Cut<K> {
        let total = keys.len();
        keys.sort_unstable();
        if self.order == Order::Desc {
            keys.reverse();
        }
        if let Some(after) = self.after {
            keys.retain(|key| match self.order {
                Order::Asc => *key > after,
                Order::Desc => *key < after,
            });
        }
        let start = self.offset.min(keys.len());
        let end = start.saturating_add(self.limit).min(keys.len());
        let more = end < keys.len();
        Cut { keys: keys[start..end].to_vec(), total, limit: self.limit, offset: self.offset, more }
    }
}

impl<K: Copy> Cut<K> {
    /// What to say about the page; `show` writes a key as a cursor.
    pub(crate) fn pagination(&self, show: impl FnOnce(K) -> String) -> Pagination {
        let last = self.keys.last().copied().filter(|_| self.more);
        Pagination { total: self.total, limit: self.limit, offset: self.offset, next_cursor: last.map(show) }
    }
}

/// Where a page stands in its list.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct Pagination {
    /// Everything that matches.
    total: usize,
    limit: usize,
    offset: usize,
    /// Give it as `cursor` for the next page; null on the last.
    next_cursor: Option<String>,
}

impl Pagination {
    /// Of a page that somebody else has cut.
    pub(crate) const fn of(total: usize, limit: usize, offset: usize, next_cursor: Option<String>) -> Self {
        Self { total, limit, offset, next_cursor }
    }

    /// Of a list that is always whole.
    pub(crate) const fn whole(total: usize) -> Self {
        Self { total, limit: total, offset: 0, next_cursor: None }
    }
}

/// A page of a list.
#[derive(Serialize, ToSchema)]
pub(crate) struct ListReply<T> {
    /// The page's items.
    pub(crate) items: Vec<T>,
    /// Where it stands.
    pub(crate) pagination: Pagination,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(limit: usize, offset: usize, order: Order, after: Option<u32>) -> Page<u32> {
        Page { limit, offset, order, after }
    }

    #[test]
    fn cursors_walk_through_everything_once_in_either_order() {
        let all: Vec<u32> = (0..10).collect();
        for order in [Order::Asc, Order::Desc] {
            let (mut seen, mut after) = (Vec::<u32>::new(), None);
            loop {
                let cut = page(3, 0, order, after).cut(all.clone());
                seen.extend(&cut.keys);
                after = cut.keys.last().copied();
                if cut.pagination(|key| key.to_string()).next_cursor.is_none() {
                    break;
                }
            }
            assert_eq!(seen.len(), 10, "{seen:?}");
            seen.sort_unstable();
            assert_eq!(seen, all);
        }
    }

    #[test]
    fn an_offset_beyond_the_end_is_an_empty_page() {
        let cut = page(3, 99, Order::Asc, None).cut(vec![1, 2]);
        assert_eq!((cut.keys.len(), cut.total), (0, 2));
    }
}
