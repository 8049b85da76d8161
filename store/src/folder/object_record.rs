//! The file of an object: a header line, then the content.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};

use bytes::Bytes;
use sha2::{Digest, Sha256};

use super::durability::is_missing;
use super::io_error::io_error;
use crate::name::hex;
use crate::{ETag, OBJECT_BYTES_MAX, StoreError};

/// The header's writer field without a name, or with one that does not fit into the header line.
const NO_WRITER: &str = "-";

const KIND: &str = "emberkeep-object";
/// Bounds the header line of a file; a longer line is not a header.
const HEADER_BYTES_MAX: u64 = 512;
/// The ETag is this many bytes of the SHA-256 of the content.
const ETAG_BYTES: usize = 16;

/// The header line: version, writer and size of the content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) etag: ETag,
    pub(crate) writer: Option<String>,
    pub(crate) size_bytes: u64,
}

/// An object to be written.
#[derive(Debug)]
pub(super) struct ObjectRecord {
    pub(super) header: Header,
    content: Bytes,
}

/// An object open for reading; the open file stays complete when a rename replaces the object.
#[derive(Debug)]
pub(super) struct OpenRecord {
    pub(super) header: Header,
    file: BufReader<File>,
    path: PathBuf,
}

impl ObjectRecord {
    pub(super) fn new(writer: Option<String>, content: Bytes) -> Self {
        let header = Header {
            etag: ETag::new(format!("\"{}\"", hex(&Sha256::digest(&content)[..ETAG_BYTES]))),
            writer: writer.filter(|name| is_word(name)),
            size_bytes: content.len() as u64,
        };
        Self { header, content }
    }

    pub(super) fn write_to(&self, file: &mut File) -> io::Result<()> {
        let Header {
            etag,
            writer,
            size_bytes,
        } = &self.header;
        let writer = writer.as_deref().unwrap_or(NO_WRITER);
        file.write_all(format!("{KIND} {etag} {writer} {size_bytes}\n").as_bytes())?;
        file.write_all(&self.content)
    }
}

impl Header {
    fn parse(line: &str) -> Option<Self> {
        let mut words = line.strip_suffix('\n')?.split(' ');
        let (kind, etag, writer, size) = (words.next()?, words.next()?, words.next()?, words.next()?);
        let size_bytes = size.parse().ok()?;
        (kind == KIND && words.next().is_none()).then(|| Self {
            etag: ETag::new(etag),
            writer: Some(writer).filter(|&name| name != NO_WRITER).map(str::to_owned),
            size_bytes,
        })
    }
}

impl OpenRecord {
    pub(super) fn content(mut self) -> Result<Bytes, StoreError> {
        let size_bytes = self.header.size_bytes;
        if size_bytes > OBJECT_BYTES_MAX {
            return Err(corrupt(
                &self.path,
                "its header states a size above the limit for objects",
            ));
        }
        let mut content = Vec::with_capacity(usize::try_from(size_bytes).unwrap_or(0));
        self.file
            .read_to_end(&mut content)
            .map_err(|source| io_error(&self.path, source))?;
        if content.len() as u64 == size_bytes {
            Ok(content.into())
        } else {
            Err(corrupt(
                &self.path,
                "its content does not have the size stated in its header",
            ))
        }
    }
}

/// Opens an object and reads its header; `None` if it does not exist.
pub(super) fn open(path: &Path) -> Result<Option<OpenRecord>, StoreError> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if is_missing(&error) => return Ok(None),
        Err(source) => return Err(io_error(path, source)),
    };
    let mut file = BufReader::new(file);
    let mut line = Vec::new();
    file.by_ref()
        .take(HEADER_BYTES_MAX)
        .read_until(b'\n', &mut line)
        .map_err(|source| io_error(path, source))?;
    let header = std::str::from_utf8(&line).ok().and_then(Header::parse);
    let header = header.ok_or_else(|| corrupt(path, "its first line is not an object header"))?;
    Ok(Some(OpenRecord {
        header,
        file,
        path: path.to_owned(),
    }))
}

/// The header of an object; `None` if it does not exist.
pub(super) fn header(path: &Path) -> Result<Option<Header>, StoreError> {
    Ok(open(path)?.map(|stored| stored.header))
}

fn is_word(text: &str) -> bool {
    (1..=128).contains(&text.len()) && text != NO_WRITER && text.bytes().all(|byte| byte.is_ascii_graphic())
}

fn corrupt(path: &Path, reason: &'static str) -> StoreError {
    StoreError::Corrupt {
        path: path.to_owned(),
        reason,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_back(stored: &[u8]) -> Result<Bytes, StoreError> {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), stored).unwrap();
        open(file.path())?.unwrap().content()
    }

    #[test]
    fn a_header_reads_back_as_written() {
        let record = ObjectRecord::new(Some("me".to_owned()), Bytes::from_static(b"content"));
        let mut file = tempfile::NamedTempFile::new().unwrap();
        record.write_to(file.as_file_mut()).unwrap();
        assert_eq!(header(file.path()).unwrap(), Some(record.header));
    }

    #[test]
    fn a_writer_name_that_does_not_fit_into_the_header_is_omitted() {
        for name in ["", "-", "two words", "line\nbreak"] {
            assert_eq!(
                ObjectRecord::new(Some(name.to_owned()), Bytes::new()).header.writer,
                None
            );
        }
    }

    #[test]
    fn equal_contents_have_equal_tags_for_all_writers() {
        let tag = |writer: &str, content| {
            ObjectRecord::new(Some(writer.to_owned()), Bytes::from_static(content))
                .header
                .etag
        };
        assert_eq!(tag("a", b"1"), tag("b", b"1"));
        assert_ne!(tag("a", b"1"), tag("a", b"2"));
    }

    #[test]
    fn a_file_that_is_no_object_is_rejected() {
        for bytes in [
            &b""[..],
            b"hello",
            b"emberkeep-object \"e\" - x\n",
            b"emberkeep-object \"e\" - 5\nfour",
        ] {
            assert!(matches!(read_back(bytes), Err(StoreError::Corrupt { .. })));
        }
        assert_eq!(read_back(b"emberkeep-object \"e\" - 4\nfour").unwrap(), "four");
    }
}
