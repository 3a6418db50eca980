//! The meaning of an error of SQLite: the journal is damaged, or the system refused an operation.
//!
//! The start acts on this difference. It sets a damaged journal aside and makes it again from the files of the tape. The cause of
//! every other error may be gone tomorrow, and setting a good journal aside for it would lose the events that wait in it.

use rusqlite::{Error, ffi};

/// The meaning of an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::store) enum Fault {
    /// The bytes of the journal are not those of a journal: no second try will read them.
    Damaged,
    /// The file system, another process or the medium refused: the journal itself may be good.
    Refused,
}

/// Judges an error of a statement of ours on a journal of our version. The statements are right for every journal that this
/// edgereel made. So an error about tables, columns or constraints is an error of the file.
pub(in crate::store) fn judge(error: &Error) -> Fault {
    if let Some(code) = primary(error) {
        return judge_code(code);
    }
    match error {
        // A value of another type than the column's, or a text that is not UTF-8: no edgereel wrote that.
        Error::FromSqlConversionFailure(..)
        | Error::IntegralValueOutOfRange(..)
        | Error::InvalidColumnType(..)
        | Error::Utf8Error(..)
        | Error::QueryReturnedNoRows => Fault::Damaged,
        _ => Fault::Refused,
    }
}

/// True when SQLite itself says that the file is damaged. Only that is proof while the service runs: another error that
/// [`judge`] blames on the file could also be a defect of ours.
pub(in crate::store) fn is_proof(error: &Error) -> bool {
    matches!(primary(error), Some(ffi::SQLITE_CORRUPT | ffi::SQLITE_NOTADB))
}

/// True when the file or the medium cannot be read or written, for any reason but want of space.
pub(in crate::store) fn is_unreachable(error: &Error) -> bool {
    matches!(
        primary(error),
        Some(ffi::SQLITE_IOERR | ffi::SQLITE_READONLY | ffi::SQLITE_CANTOPEN | ffi::SQLITE_PERM)
    )
}

/// True when a write was refused for a reason that SQLite does not tell. A quota or another limit may be used up while the disk
/// has space.
pub(in crate::store) fn is_write_refused(error: &Error) -> bool {
    match error {
        Error::SqliteFailure(error, _) => matches!(
            error.extended_code,
            ffi::SQLITE_IOERR_WRITE | ffi::SQLITE_IOERR_SHMSIZE | ffi::SQLITE_IOERR_TRUNCATE
        ),
        _ => false,
    }
}

fn judge_code(code: i32) -> Fault {
    match code {
        ffi::SQLITE_CORRUPT | ffi::SQLITE_NOTADB => Fault::Damaged,
        // A table or a column is not there, or is there before it was made.
        ffi::SQLITE_ERROR => Fault::Damaged,
        // Rows that contradict each other, or a length that nobody wrote.
        ffi::SQLITE_CONSTRAINT | ffi::SQLITE_MISMATCH | ffi::SQLITE_TOOBIG => Fault::Damaged,
        // SQLITE_IOERR, SQLITE_FULL, SQLITE_CANTOPEN, SQLITE_PERM, SQLITE_READONLY, SQLITE_BUSY, SQLITE_LOCKED,
        // SQLITE_PROTOCOL, SQLITE_NOMEM, and codes of later versions.
        _ => Fault::Refused,
    }
}

/// The primary code of an error, without its extension.
fn primary(error: &Error) -> Option<i32> {
    match error {
        Error::SqliteFailure(error, _) | Error::SqlInputError { error, .. } => {
            Some(error.extended_code & 0xff)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(code: i32) -> Fault {
        judge(&Error::SqliteFailure(ffi::Error::new(code), None))
    }

    #[test]
    fn each_code_of_sqlite_is_judged() {
        let damaged = [
            ffi::SQLITE_CORRUPT,
            ffi::SQLITE_CORRUPT_INDEX,
            ffi::SQLITE_CORRUPT_SEQUENCE,
            ffi::SQLITE_CORRUPT_VTAB,
            ffi::SQLITE_NOTADB,
            ffi::SQLITE_ERROR,
            ffi::SQLITE_CONSTRAINT,
            ffi::SQLITE_CONSTRAINT_UNIQUE,
            ffi::SQLITE_CONSTRAINT_NOTNULL,
            ffi::SQLITE_CONSTRAINT_FOREIGNKEY,
            ffi::SQLITE_CONSTRAINT_PRIMARYKEY,
            ffi::SQLITE_MISMATCH,
            ffi::SQLITE_TOOBIG,
        ];
        for code in damaged {
            assert_eq!(of(code), Fault::Damaged, "{code}");
            let proof = matches!(code & 0xff, ffi::SQLITE_CORRUPT | ffi::SQLITE_NOTADB);
            let error = Error::SqliteFailure(ffi::Error::new(code), None);
            assert_eq!(is_proof(&error), proof, "{code}");
        }
        let refused = [
            ffi::SQLITE_INTERNAL,
            ffi::SQLITE_PERM,
            ffi::SQLITE_ABORT,
            ffi::SQLITE_BUSY,
            ffi::SQLITE_BUSY_RECOVERY,
            ffi::SQLITE_BUSY_SNAPSHOT,
            ffi::SQLITE_LOCKED,
            ffi::SQLITE_NOMEM,
            ffi::SQLITE_READONLY,
            ffi::SQLITE_READONLY_DIRECTORY,
            ffi::SQLITE_INTERRUPT,
            ffi::SQLITE_IOERR,
            ffi::SQLITE_IOERR_READ,
            ffi::SQLITE_IOERR_SHORT_READ,
            ffi::SQLITE_IOERR_WRITE,
            ffi::SQLITE_IOERR_FSYNC,
            ffi::SQLITE_IOERR_SHMMAP,
            ffi::SQLITE_IOERR_CORRUPTFS,
            ffi::SQLITE_FULL,
            ffi::SQLITE_CANTOPEN,
            ffi::SQLITE_CANTOPEN_SYMLINK,
            ffi::SQLITE_PROTOCOL,
            ffi::SQLITE_SCHEMA,
            ffi::SQLITE_MISUSE,
            ffi::SQLITE_NOLFS,
            ffi::SQLITE_AUTH,
            99,
        ];
        for code in refused {
            assert_eq!(of(code), Fault::Refused, "{code}");
        }
    }

    #[test]
    fn a_value_of_the_wrong_type_is_damage() {
        let wrong = Error::InvalidColumnType(1, "id".into(), rusqlite::types::Type::Text);
        assert_eq!(judge(&wrong), Fault::Damaged);
        assert_eq!(judge(&Error::IntegralValueOutOfRange(1, -1)), Fault::Damaged);
        assert_eq!(judge(&Error::InvalidQuery), Fault::Refused);
    }
}
