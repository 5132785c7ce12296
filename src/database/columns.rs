//! Columns of rows, for code that reads rows of either database.

use sqlx::ColumnIndex;
use sqlx::Decode;
use sqlx::Row;
use sqlx::Type;

/// Row whose columns are texts, integers and truth values.
pub(crate) trait Columns {
    fn text(&self, name: &str) -> Result<String, sqlx::Error>;

    fn integer(&self, name: &str) -> Result<i64, sqlx::Error>;

    fn boolean(&self, name: &str) -> Result<bool, sqlx::Error>;

    /// Returns the text at a position, which is faster and copies nothing.
    fn text_at(&self, position: usize) -> Result<&str, sqlx::Error>;

    fn integer_at(&self, position: usize) -> Result<Option<i64>, sqlx::Error>;
}

impl<R: Row> Columns for R
where
    usize: ColumnIndex<R>,
    for<'n> &'n str: ColumnIndex<R>,
    for<'r> &'r str: Decode<'r, R::Database> + Type<R::Database>,
    for<'r> String: Decode<'r, R::Database> + Type<R::Database>,
    for<'r> i64: Decode<'r, R::Database> + Type<R::Database>,
    for<'r> Option<i64>: Decode<'r, R::Database> + Type<R::Database>,
    for<'r> bool: Decode<'r, R::Database> + Type<R::Database>,
{
    fn text(&self, name: &str) -> Result<String, sqlx::Error> {
        self.try_get(name)
    }

    fn integer(&self, name: &str) -> Result<i64, sqlx::Error> {
        self.try_get(name)
    }

    fn boolean(&self, name: &str) -> Result<bool, sqlx::Error> {
        self.try_get(name)
    }

    fn text_at(&self, position: usize) -> Result<&str, sqlx::Error> {
        self.try_get(position)
    }

    fn integer_at(&self, position: usize) -> Result<Option<i64>, sqlx::Error> {
        self.try_get(position)
    }
}
