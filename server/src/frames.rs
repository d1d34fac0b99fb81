//! A server's side of a WebSocket (RFC 6455) whose buffers exist only while they hold something.
//!
//! ```text
//!  socket ──▶ a buffer that all connections share ──▶ whole frames are taken out ──▶ messages
//!                                      └──▶ the rest, kept for this connection until the frame is whole
//! ```
//! Thousands of connections say nothing most of the time: an idle one has no buffer at all. What is sent goes from the
//! message that others get, too, into the socket; only short messages are put together first, so that they leave in one
//! call. The form of frames is tokio-tungstenite's to know; its stream, which keeps buffers for
//! every connection, isn't used.

use std::cell::RefCell;
use std::future::poll_fn;
use std::io::{Cursor, ErrorKind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Poll, ready};
use std::time::Duration;

use bytes::{Buf, Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout};
use tokio_tungstenite::tungstenite::protocol::frame::coding::{Control, Data, OpCode};
use tokio_tungstenite::tungstenite::protocol::frame::{CloseFrame, FrameHeader};

/// A WebSocket after its handshake.
#[derive(Debug)]
pub(crate) struct Frames<S> {
    io: S,
    /// What has come of a frame that isn't whole.
    received: BytesMut,
    /// The frame that is being received: its header, and the length of what it holds.
    header: Option<(FrameHeader, usize)>,
    /// What has come of a message whose last frame hasn't: rare, so there is no room for it.
    fragments: Option<Box<BytesMut>>,
    /// Longest message.
    message_bytes_max: usize,
    /// Bytes of messages on the way, of all sockets together.
    budget: Arc<Semaphore>,
    /// This message's share of it.
    share: Option<OwnedSemaphorePermit>,
    /// When what isn't whole began to come.
    began_at: Option<Instant>,
}

/// What the other side says.
#[derive(Debug)]
pub(crate) enum Incoming {
    /// A message, with its share of the budget.
    Message(Bytes, OwnedSemaphorePermit),
    /// It asks for a sign of life, to be given by [`Frames::pong`].
    Ping(Bytes),
    /// It gives one.
    Pong,
    /// It closes the connection, or has broken it.
    End,
}

/// What the other side may not say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// A text message.
    Text,
    /// A message that is too long.
    TooLong,
    /// No WebSocket frame, or not one that a client may send here.
    Protocol(&'static str),
    /// This side is about to end.
    NoBudget,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Frames<S> {
    /// Takes over a connection after its handshake, of which `received` was read already.
    pub(crate) fn new(io: S, received: &[u8], message_bytes_max: usize, budget: Arc<Semaphore>) -> Self {
        Self {
            io,
            received: received.into(),
            header: None,
            fragments: None,
            message_bytes_max,
            budget,
            share: None,
            began_at: None,
        }
    }

    /// Waits for what comes next. Nothing is lost if it isn't waited for to the end.
    ///
    /// # Errors
    /// If the other side says what it may not.
    pub(crate) async fn next(&mut self) -> Result<Incoming, Fault> {
        loop {
            if self.header.is_none() {
                self.header = self.take_header()?;
            }
            if let Some(length) = self.header.as_ref().map(|(_, length)| *length) {
                if let Some(missing) = self.try_reserve(length) {
                    // The wait has no room in an idle connection.
                    Box::pin(self.reserve(missing)).await?;
                }
                if self.received.len() >= length
                    && let Some((header, length)) = self.header.take()
                {
                    let payload = self.received.split_to(length);
                    if let Some(incoming) = self.take_frame(&header, payload)? {
                        return Ok(incoming);
                    }
                    continue;
                }
            }
            if self.receive().await == 0 {
                return Ok(Incoming::End);
            }
        }
    }

    /// Since when the other side owes the rest of a message.
    pub(crate) fn began_at(&self) -> Option<Instant> {
        self.began_at
    }

    /// Sends messages. Short ones leave together.
    ///
    /// # Errors
    /// If the socket is broken, or takes nothing for `patience`.
    pub(crate) async fn send(&mut self, messages: &[Bytes], patience: Duration) -> std::io::Result<()> {
        let mut together = Vec::new();
        for message in messages {
            put_header(OpCode::Data(Data::Binary), message.len(), &mut together);
            if message.len() <= COPIED_BYTES_MAX {
                together.extend_from_slice(message);
            }
            if message.len() > COPIED_BYTES_MAX || together.len() >= TOGETHER_BYTES_MAX {
                self.write(&together, patience).await?;
                together.clear();
            }
            if message.len() > COPIED_BYTES_MAX {
                self.write(message, patience).await?;
            }
        }
        self.write(&together, patience).await
    }

    /// Asks for a sign of life.
    ///
    /// # Errors
    /// As [`Frames::send`].
    pub(crate) async fn ping(&mut self, patience: Duration) -> std::io::Result<()> {
        self.send_control(Control::Ping, &[], patience).await
    }

    /// Gives a sign of life.
    ///
    /// # Errors
    /// As [`Frames::send`].
    pub(crate) async fn pong(&mut self, payload: &[u8], patience: Duration) -> std::io::Result<()> {
        self.send_control(Control::Pong, payload, patience).await
    }

    /// Says goodbye.
    ///
    /// # Errors
    /// As [`Frames::send`].
    pub(crate) async fn close(&mut self, frame: &CloseFrame, patience: Duration) -> std::io::Result<()> {
        let payload = [&u16::from(frame.code).to_be_bytes(), frame.reason.as_bytes()].concat();
        self.send_control(Control::Close, &payload, patience).await
    }

    /// Reads to the end, and takes nothing in.
    pub(crate) async fn discard(&mut self) {
        while self.receive().await > 0 {
            self.received.clear();
        }
    }

    async fn send_control(&mut self, control: Control, payload: &[u8], patience: Duration) -> std::io::Result<()> {
        let mut frame = Vec::new();
        put_header(OpCode::Control(control), payload.len(), &mut frame);
        frame.extend_from_slice(payload);
        self.write(&frame, patience).await
    }

    async fn write(&mut self, mut bytes: &[u8], patience: Duration) -> std::io::Result<()> {
        while !bytes.is_empty() {
            let written = timeout(patience, self.io.write(bytes)).await??;
            if written == 0 {
                return Err(ErrorKind::WriteZero.into());
            }
            bytes.advance(written);
        }
        Ok(())
    }

    /// Reads what there is; returns how much, 0 at the end.
    async fn receive(&mut self) -> usize {
        let (io, received) = (&mut self.io, &mut self.received);
        let read = poll_fn(|context| {
            SCRATCH.with_borrow_mut(|scratch| {
                let mut buffer = ReadBuf::new(scratch);
                ready!(Pin::new(&mut *io).poll_read(context, &mut buffer))?;
                received.extend_from_slice(buffer.filled());
                Poll::Ready(Ok::<_, std::io::Error>(buffer.filled().len()))
            })
        });
        let length = read.await.unwrap_or(0);
        if length > 0 {
            self.began_at.get_or_insert_with(Instant::now);
        }
        length
    }

    /// Takes the next frame's header from what was received, once it is whole.
    fn take_header(&mut self) -> Result<Option<(FrameHeader, usize)>, Fault> {
        let mut cursor = Cursor::new(&self.received);
        let parsed = FrameHeader::parse(&mut cursor).map_err(|_| Fault::Protocol("an unknown kind of frame"))?;
        let used = usize::try_from(cursor.position()).unwrap_or_default();
        let Some((header, length)) = parsed else {
            self.let_go();
            return Ok(None);
        };
        self.received.advance(used);
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        if header.rsv1 || header.rsv2 || header.rsv3 {
            return Err(Fault::Protocol("reserved bits are set"));
        }
        if header.mask.is_none() {
            return Err(Fault::Protocol("a client has to mask its frames"));
        }
        let is_begun = self.fragments.is_some();
        match header.opcode {
            OpCode::Control(_) if !header.is_final => return Err(Fault::Protocol("a control frame in parts")),
            OpCode::Control(_) if length > CONTROL_BYTES_MAX => return Err(Fault::Protocol("a long control frame")),
            OpCode::Control(_) => {}
            OpCode::Data(Data::Text) => return Err(Fault::Text),
            OpCode::Data(Data::Continue) if !is_begun => return Err(Fault::Protocol("the rest of no message")),
            OpCode::Data(Data::Binary) if is_begun => return Err(Fault::Protocol("a message within a message")),
            OpCode::Data(_) => {
                let before = self.fragments.as_ref().map_or(0, |before| before.len());
                if before.saturating_add(length) > self.message_bytes_max {
                    return Err(Fault::TooLong);
                }
            }
        }
        Ok(Some((header, length)))
    }

    /// Has a share of the budget for what is being received and its next `length` bytes. Nothing long is read before.
    /// Returns how much is missing if others have it.
    fn try_reserve(&mut self, length: usize) -> Option<u32> {
        let wanted = self.fragments.as_ref().map_or(0, |before| before.len()) + length;
        let held = self.share.as_ref().map_or(0, OwnedSemaphorePermit::num_permits);
        // A message without a byte has a share, too: its place in a queue.
        let missing = u32::try_from(wanted.max(1).saturating_sub(held)).unwrap_or(u32::MAX);
        if missing == 0 {
            return None;
        }
        let Ok(more) = Arc::clone(&self.budget).try_acquire_many_owned(missing) else { return Some(missing) };
        self.add_share(more);
        None
    }

    /// Waits for a share of the budget.
    async fn reserve(&mut self, missing: u32) -> Result<(), Fault> {
        let more = Arc::clone(&self.budget).acquire_many_owned(missing).await.map_err(|_| Fault::NoBudget)?;
        self.add_share(more);
        Ok(())
    }

    fn add_share(&mut self, more: OwnedSemaphorePermit) {
        match &mut self.share {
            Some(share) => share.merge(more),
            None => self.share = Some(more),
        }
    }

    /// Takes in a whole frame; returns what it says, if it says something by itself.
    fn take_frame(&mut self, header: &FrameHeader, mut payload: BytesMut) -> Result<Option<Incoming>, Fault> {
        unmask(&mut payload, header.mask.unwrap_or_default());
        let data = match header.opcode {
            OpCode::Control(control) => {
                let payload = Bytes::copy_from_slice(&payload);
                self.let_go();
                return Ok(Some(match control {
                    Control::Ping => Incoming::Ping(payload),
                    Control::Close => Incoming::End,
                    _ => Incoming::Pong,
                }));
            }
            OpCode::Data(_) => payload,
        };
        let whole = match self.fragments.take() {
            Some(mut before) => {
                before.extend_from_slice(&data);
                *before
            }
            None => data,
        };
        if !header.is_final {
            self.fragments = Some(Box::new(whole));
            return Ok(None);
        }
        let share = self.share.take().ok_or(Fault::NoBudget)?;
        // A short message must not keep the buffer that it came in.
        let message = if whole.len() <= COPIED_BYTES_MAX { Bytes::copy_from_slice(&whole) } else { whole.freeze() };
        self.let_go();
        Ok(Some(Incoming::Message(message, share)))
    }

    /// Lets go of the buffer, and of the share, where nothing is on the way.
    fn let_go(&mut self) {
        if self.received.is_empty() {
            self.received = BytesMut::new();
            if self.fragments.is_none() {
                (self.share, self.began_at) = (None, None);
            }
        }
    }
}

fn put_header(opcode: OpCode, length: usize, out: &mut Vec<u8>) {
    let header = FrameHeader { opcode, ..FrameHeader::default() };
    // Writing to a vector can't fail.
    let _ = header.format(length as u64, out);
}

fn unmask(payload: &mut [u8], mask: [u8; 4]) {
    let (words, rest) = payload.as_chunks_mut::<4>();
    for word in words {
        *word = (u32::from_ne_bytes(*word) ^ u32::from_ne_bytes(mask)).to_ne_bytes();
    }
    rest.iter_mut().zip(mask).for_each(|(byte, mask)| *byte ^= mask);
}

thread_local! {
    /// What every connection of the thread reads into, one at a time.
    static SCRATCH: RefCell<Box<[u8]>> = RefCell::new(vec![0; SCRATCH_BYTES].into());
}

/// Bytes that one read takes at most: enough for a batch of pushed commands, and it stays in the cache.
const SCRATCH_BYTES: usize = 64 * 1024;

/// Messages up to this length are copied to leave together with others: cheaper than a call for each.
const COPIED_BYTES_MAX: usize = 4 * 1024;

/// Bytes that leave together.
const TOGETHER_BYTES_MAX: usize = 16 * 1024;

/// What a control frame holds at most, by the protocol.
const CONTROL_BYTES_MAX: usize = 125;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use tokio::io::{AsyncReadExt, DuplexStream};

    const MAX: usize = 100_000;

    fn masked(first: u8, payload: &[u8]) -> Vec<u8> {
        let mut frame = vec![first];
        match payload.len() {
            length @ ..126 => frame.push(0x80 | length as u8),
            length @ ..65_536 => frame.extend([&[0xfe][..], &(length as u16).to_be_bytes()].concat()),
            length => frame.extend([&[0xff][..], &(length as u64).to_be_bytes()].concat()),
        }
        let mask = [1, 2, 3, 4];
        frame.extend(mask);
        frame.extend(payload.iter().enumerate().map(|(at, byte)| byte ^ mask[at % 4]));
        frame
    }

    fn frames(io: DuplexStream) -> Frames<DuplexStream> {
        Frames::new(io, &[], MAX, Arc::new(Semaphore::new(4 * MAX)))
    }

    /// What a server reads from these bytes, cut into pieces, until the end or a fault.
    fn read(bytes: &[u8], cuts: &[usize]) -> (Vec<String>, Option<Fault>) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let (mut client, server) = tokio::io::duplex(1 << 20);
            let mut frames = frames(server);
            let write = async {
                let mut rest = bytes;
                for cut in cuts {
                    let (piece, after) = rest.split_at((*cut).min(rest.len()));
                    client.write_all(piece).await.unwrap();
                    tokio::task::yield_now().await;
                    rest = after;
                }
                client.write_all(rest).await.unwrap();
                drop(client);
            };
            let read = async {
                let mut seen = vec![];
                loop {
                    match frames.next().await {
                        Ok(Incoming::Message(message, share)) => {
                            assert_eq!(share.num_permits(), message.len().max(1));
                            seen.push(format!("{} bytes, {:?}", message.len(), message.iter().max()));
                        }
                        Ok(Incoming::Ping(payload)) => seen.push(format!("ping {payload:?}")),
                        Ok(Incoming::Pong) => seen.push("pong".into()),
                        Ok(Incoming::End) => return (seen, None),
                        Err(fault) => return (seen, Some(fault)),
                    }
                }
            };
            tokio::join!(read, write).0
        })
    }

    #[test]
    fn messages_of_every_length_come_whole_however_they_are_cut() {
        let lengths = [0, 1, 125, 126, 4096, 4097, 65_535, 65_536, MAX];
        let bytes: Vec<u8> = lengths.iter().flat_map(|length| masked(0x82, &vec![7; *length])).collect();
        let expected: Vec<String> =
            lengths.iter().map(|length| format!("{length} bytes, {:?}", (*length > 0).then_some(&7))).collect();
        for cuts in [&[][..], &[1; 400], &[3, 5, 126, 1, 1, 70_000]] {
            assert_eq!(read(&bytes, cuts), (expected.clone(), None));
        }
    }

    #[test]
    fn a_message_in_parts_is_put_together_and_may_be_asked_in_between() {
        let parts = [masked(0x02, &[1; 10]), masked(0x89, b"hm"), masked(0x00, &[2; 20]), masked(0x80, &[3; 5])];
        let expected = ["ping b\"hm\"".to_owned(), "35 bytes, Some(3)".into()];
        assert_eq!(read(&parts.concat(), &[]), (expected.into(), None));
    }

    #[test]
    fn what_no_client_may_say_is_a_fault() {
        let check =
            |bytes: &[u8], expected: Fault| assert_eq!(read(bytes, &[]), (vec![], Some(expected)), "{bytes:x?}");
        check(&masked(0x81, b"text"), Fault::Text);
        check(&masked(0x82, &vec![0; MAX + 1]), Fault::TooLong);
        check(&[masked(0x02, &vec![0; MAX]), masked(0x80, b"x")].concat(), Fault::TooLong);
        check(&[0x82, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0], Fault::TooLong);
        check(&[0x82, 1, 0], Fault::Protocol("a client has to mask its frames"));
        check(&masked(0xc2, b""), Fault::Protocol("reserved bits are set"));
        check(&masked(0x83, b""), Fault::Protocol("an unknown kind of frame"));
        check(&masked(0x09, b""), Fault::Protocol("a control frame in parts"));
        check(&masked(0x89, &[0; 126]), Fault::Protocol("a long control frame"));
        check(&masked(0x80, b""), Fault::Protocol("the rest of no message"));
        check(&[masked(0x02, b""), masked(0x82, b"")].concat(), Fault::Protocol("a message within a message"));
    }

    #[test]
    fn an_idle_connection_holds_no_buffer_and_no_budget() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(async {
            let (mut client, server) = tokio::io::duplex(1 << 20);
            let mut frames = frames(server);
            client.write_all(&[masked(0x82, &[1; 50_000]), masked(0x82, b"short")].concat()).await.unwrap();
            for _ in 0..2 {
                assert!(matches!(frames.next().await, Ok(Incoming::Message(..))));
            }
            assert_eq!((frames.received.capacity(), frames.share.is_some(), frames.began_at), (0, false, None));
            assert_eq!(frames.budget.available_permits(), 4 * MAX);
            // Half a message is owed for.
            client.write_all(&masked(0x82, &[1; 50_000])[..100]).await.unwrap();
            let waiting = timeout(Duration::from_millis(1), frames.next()).await;
            assert!(waiting.is_err() && frames.began_at().is_some());
            assert_eq!(frames.budget.available_permits(), 4 * MAX - 50_000);
        });
    }

    #[test]
    fn what_is_sent_can_be_read() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(async {
            let (mut client, server) = tokio::io::duplex(1 << 20);
            let mut frames = frames(server);
            let messages: Vec<Bytes> = [3, 5_000, 126, 70_000, 0].map(|length| vec![9; length].into()).into();
            frames.send(&messages, Duration::from_secs(5)).await.unwrap();
            frames.ping(Duration::from_secs(5)).await.unwrap();
            drop(frames);
            let mut bytes = vec![];
            client.read_to_end(&mut bytes).await.unwrap();
            let mut rest = bytes.as_slice();
            for message in &messages {
                let mut cursor = Cursor::new(rest);
                let (header, length) = FrameHeader::parse(&mut cursor).unwrap().unwrap();
                assert_eq!((header.opcode, header.is_final, header.mask), (OpCode::Data(Data::Binary), true, None));
                let start = cursor.position() as usize;
                assert_eq!(&rest[start..start + length as usize], message);
                rest = &rest[start + length as usize..];
            }
            assert_eq!(rest, [0x89, 0]);
        });
    }

    #[test]
    fn who_reads_nothing_is_given_up() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(async {
            let (_client, server) = tokio::io::duplex(100);
            let mut frames = frames(server);
            let error = frames.send(&[vec![9; 5_000].into()], Duration::from_millis(20)).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::TimedOut);
        });
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_a_panic(bytes: Vec<u8>, cut in 0..20_usize) {
            let one = read(&bytes, &[]);
            prop_assert_eq!(read(&bytes, &[cut, 1, 1]), one);
        }
    }
}
