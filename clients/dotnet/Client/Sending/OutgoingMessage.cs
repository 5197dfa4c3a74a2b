using ChatCqrs.Client.Sending;

namespace ChatCqrs.Client;

/// <summary>How far a message of one's own has got.</summary>
public enum OutgoingStatus
{
    /// <summary>It waits in the outbox, behind earlier ones of its conversation or for a connection.</summary>
    Queued,

    /// <summary>It was sent, and the answer is awaited.</summary>
    Sending,

    /// <summary>The server has it, for good.</summary>
    Sent,

    /// <summary>The server refused it: <see cref="OutgoingMessage.RetryAsync"/> or cancel it.</summary>
    Parked,

    /// <summary>It was taken back before it was sent.</summary>
    Cancelled,
}

/// <summary>The server's acknowledgement of a message.</summary>
/// <param name="ConversationId">The conversation.</param>
/// <param name="Seq">Its place in it.</param>
/// <param name="SentAt">When the server took it.</param>
public sealed record Acknowledgement(Guid ConversationId, long Seq, DateTimeOffset SentAt);

/// <summary>
/// A message on its way: one object from its writing to its acknowledgement. It keeps its id, whatever happens, so
/// that the server stores it once.
/// </summary>
public sealed class OutgoingMessage
{
    private readonly Outbox _outbox;
    private readonly TaskCompletionSource<Acknowledgement> _acked =
        new(TaskCreationOptions.RunContinuationsAsynchronously);

    internal OutgoingMessage(Outbox outbox, Guid id, Guid conversationId, MessageContent content, Guid? replyTo)
    {
        _outbox = outbox;
        (Id, ConversationId, Content, ReplyTo) = (id, conversationId, content, replyTo);
    }

    /// <summary>The message's id: of version 7, set when it was written.</summary>
    public Guid Id { get; }

    /// <summary>The conversation.</summary>
    public Guid ConversationId { get; }

    /// <summary>What it says.</summary>
    public MessageContent Content { get; }

    /// <summary>The message it answers.</summary>
    public Guid? ReplyTo { get; }

    /// <summary>How far it has got.</summary>
    public OutgoingStatus Status { get; internal set; }

    /// <summary>Why it is parked, or why the last attempt failed; null where none has.</summary>
    public ChatException? Error { get; internal set; }

    /// <summary>
    /// Ends once the server has the message; fails with a <see cref="ChatException"/> when the message is parked, and
    /// is cancelled with it. Never ends while the client stays without a connection.
    /// </summary>
    public Task<Acknowledgement> Acked => _acked.Task;

    /// <summary>Takes the message back.</summary>
    /// <returns>False when it was sent at least once: the server may have it.</returns>
    public Task<bool> CancelAsync(CancellationToken cancellationToken = default) =>
        _outbox.CancelAsync(this, cancellationToken);

    /// <summary>Puts a parked message at the end of its conversation's queue, under the same id.</summary>
    /// <returns>The message to watch from now on.</returns>
    /// <exception cref="InvalidOperationException">It is not parked.</exception>
    public Task<OutgoingMessage> RetryAsync(CancellationToken cancellationToken = default) =>
        _outbox.RetryAsync(this, cancellationToken);

    /// <returns>False when it ended before.</returns>
    internal bool End(Acknowledgement acknowledgement) => _acked.TrySetResult(acknowledgement);

    internal void End(ChatException refusal)
    {
        _acked.TrySetException(refusal);
        _ = _acked.Task.Exception; // Observed: whoever does not await it has the event.
    }

    internal void EndCancelled() => _acked.TrySetCanceled();
}
