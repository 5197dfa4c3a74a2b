using ChatCqrs.Application.Ports;
using ChatCqrs.Domain;
using FluentValidation;
using MediatR;

namespace ChatCqrs.Application.Auditing;

/// <summary>
/// Verifies the hash chains of a conversation's entries and receipts, event by event from where the log begins, and
/// compares them with what else is known: the views' last entry, and the newest published head.
/// </summary>
public static class VerifyConversation
{
    /// <summary>The most problems that an answer names.</summary>
    public const int ProblemsMax = 100;

    /// <summary>What may be wrong, as an answer names it.</summary>
    public static class Problems
    {
        /// <summary>The event's bytes are not those that its hash was made of.</summary>
        public const string HashMismatch = "hash_mismatch";

        /// <summary>The event is whole, but it follows another event than the one before it.</summary>
        public const string LinkBroken = "link_broken";

        /// <summary>Events before this one are not there.</summary>
        public const string Missing = "missing";

        /// <summary>The last events are not there, though the views have seen them.</summary>
        public const string TailMissing = "tail_missing";

        /// <summary>The entry that a published head covers has another hash there.</summary>
        public const string HeadMismatch = "head_mismatch";
    }

    public sealed record Query(UserId Caller, ConversationId Conversation) : IRequest<Result>;

    /// <param name="Verified">Whether there is no problem.</param>
    /// <param name="Events">How many events were verified, of both streams.</param>
    /// <param name="Head">In base64: the hash of the conversation's last entry; null if the log holds none.</param>
    /// <param name="FirstBadSeq">The first entry of the conversation that has a problem; null for none.</param>
    /// <param name="FromSeq">The first entry that the log still holds.</param>
    /// <param name="AnchoredSeq">The last entry that a published head covers; null for none.</param>
    /// <param name="Batch">The number of that head's batch; null for none.</param>
    /// <param name="CheckpointSize">The size of the checkpoint that covers it; null for none.</param>
    /// <param name="Problems">At most 100, by stream and seq.</param>
    public sealed record Result(
        bool Verified, long Events, string? Head, long? FirstBadSeq, long FromSeq, long? AnchoredSeq, long? Batch,
        long? CheckpointSize, IReadOnlyList<Finding> Problems);

    /// <param name="Seq">The revision of the event in its stream.</param>
    /// <param name="Code">What is wrong with it.</param>
    /// <param name="Stream"><c>conversation</c> or <c>receipts</c>.</param>
    public sealed record Finding(long Seq, string Code, string Stream);

    /// <summary>Nothing to validate.</summary>
    internal sealed class Validator : AbstractValidator<Query>;

    internal sealed class Handler(
        IAuditTimeline timeline, AuditedLog log, IEventCodec codec, IRecordedBy recordedBy, VerificationTurns turns)
        : IRequestHandler<Query, Result>
    {
        public async Task<Result> Handle(Query request, CancellationToken cancellationToken)
        {
            using var turn = turns.Take(request.Caller);
            var conversation = await timeline.FindAsync(request.Conversation, cancellationToken)
                ?? throw new RefusedException(Refusal.ConversationUnknown);
            var anchor = await recordedBy.NewestAsync(request.Conversation, cancellationToken);
            var entries = new Chain(codec, ReadEvents.Conversation, conversation.Entries, anchor);
            var receipts = new Chain(codec, ReadEvents.Receipts, conversation.Receipts, anchor: null);
            await VerifyAsync(
                entries, StreamName.Of(request.Conversation),
                () => StartAsync(request, now => now.Entries, cancellationToken), cancellationToken);
            await VerifyAsync(
                receipts, StreamName.OfReceipts(request.Conversation),
                () => StartAsync(request, now => now.Receipts, cancellationToken), cancellationToken);
            if (entries.Last < Math.Max(conversation.LastSeq, anchor?.Seq ?? -1))
                entries.Add(entries.Last + 1, Problems.TailMissing);
            IReadOnlyList<Finding> problems =
                [.. entries.Problems.Concat(receipts.Problems).Take(ProblemsMax)];
            return new Result(
                problems.Count == 0, entries.Events + receipts.Events, entries.Head,
                entries.Problems.Count == 0 ? null : entries.Problems.Min(problem => problem.Seq),
                entries.First, anchor?.Seq, anchor?.Batch, anchor?.CheckpointSize, problems);
        }

        /// <param name="startAsync">
        /// Where the log begins now: it may be cut while it is read.
        /// </param>
        private async Task VerifyAsync(
            Chain chain, string stream, Func<Task<LogStart>> startAsync, CancellationToken cancellationToken)
        {
            await foreach (var page in log.PagesAsync(stream, chain.Last + 1, long.MaxValue, cancellationToken))
            {
                if (page[0].Revision > chain.Last + 1)
                    chain.BeginAt(await startAsync());
                foreach (var stored in page)
                    chain.Verify(stored);
            }
        }

        private async Task<LogStart> StartAsync(
            Query request, Func<AuditedConversation, LogStart> startOf, CancellationToken cancellationToken) =>
            await timeline.FindAsync(request.Conversation, cancellationToken) is { } conversation
                ? startOf(conversation)
                : default;
    }

    /// <summary>One stream's chain, verified up to its last event.</summary>
    private sealed class Chain(IEventCodec codec, string stream, LogStart start, AnchoredHead? anchor)
    {
        private ReadOnlyMemory<byte> _previous = start.Hash ?? IEventCodec.FirstLink;

        /// <summary>The first revision that the log holds.</summary>
        public long First { get; private set; } = start.Revision;

        public long Last { get; private set; } = start.Revision - 1;

        public long Events { get; private set; }

        public string? Head => Events == 0 ? null : Convert.ToBase64String(_previous.Span);

        public List<Finding> Problems { get; } = [];

        public void Add(long seq, string code)
        {
            if (Problems.Count < ProblemsMax)
                Problems.Add(new Finding(seq, code, stream));
        }

        /// <summary>Goes on from a later start, if the stream was cut up to there meanwhile.</summary>
        public void BeginAt(LogStart later)
        {
            if (later.Revision > Last + 1 && later.Hash is { } hash)
                (First, Last, _previous) = (later.Revision, later.Revision - 1, hash);
        }

        /// <summary>A problem is named once: the next event is verified against this one as it is.</summary>
        public void Verify(StoredEvent stored)
        {
            if (stored.Revision != Last + 1)
                Add(stored.Revision, VerifyConversation.Problems.Missing);
            else if (!codec.IsLinked(stored, _previous))
                Add(stored.Revision, IsWhole(stored)
                    ? VerifyConversation.Problems.LinkBroken
                    : VerifyConversation.Problems.HashMismatch);
            else if (stored.Revision == anchor?.Seq && !HashOf(stored).Span.SequenceEqual(anchor.Hash.Span))
                Add(stored.Revision, VerifyConversation.Problems.HeadMismatch);
            (Last, _previous) = (stored.Revision, HashOf(stored));
            Events++;
        }

        /// <summary>Whether the event is the one that was written, whatever came before it.</summary>
        private bool IsWhole(StoredEvent stored) =>
            AuditedEvent.Of(stored).PrevHash is { } text && Decode(text) is { } previous
            && codec.IsLinked(stored, previous);

        private ReadOnlyMemory<byte> HashOf(StoredEvent stored)
        {
            try
            {
                return codec.HashOf(stored);
            }
            catch (FormatException)
            {
                return ReadOnlyMemory<byte>.Empty; // Nothing is linked to it.
            }
        }

        private static ReadOnlyMemory<byte>? Decode(string base64)
        {
            var bytes = new byte[32];
            return Convert.TryFromBase64String(base64, bytes, out var written) && written == bytes.Length
                ? bytes
                : null;
        }
    }
}

/// <summary>Bounds verifications, which read whole streams: one a user and a few a node at a time.</summary>
public sealed class VerificationTurns
{
    /// <summary>The most at once on a node.</summary>
    private const int NodeMax = 4;

    private readonly Lock _lock = new();
    private readonly HashSet<UserId> _running = [];

    /// <returns>Disposed when the verification has ended.</returns>
    /// <exception cref="RefusedException">The user's last one still runs, or the node's places are taken.</exception>
    public IDisposable Take(UserId user)
    {
        lock (_lock)
        {
            if (_running.Count >= NodeMax || !_running.Add(user))
                throw new RefusedException(Refusal.VerificationRunning);
        }

        return new Turn(this, user);
    }

    private sealed class Turn(VerificationTurns turns, UserId user) : IDisposable
    {
        public void Dispose()
        {
            lock (turns._lock)
                turns._running.Remove(user);
        }
    }
}
