using ChatCqrs.Application.Ports;
using ChatCqrs.Domain;
using ChatCqrs.Domain.Conversations;
using ChatCqrs.Domain.Receipts;

namespace ChatCqrs.Application.Writing;

/// <summary>What a partition is doing for a conversation. Commands that come meanwhile wait.</summary>
internal enum Phase
{
    Idle,

    /// <summary>Stands in the queue of those that have commands to decide.</summary>
    Ready,

    /// <summary>Its state is read from the log.</summary>
    Loading,

    /// <summary>Ids are looked up in the read side.</summary>
    LookingUp,

    /// <summary>Its events are on their way into the log.</summary>
    Appending,
}

/// <summary>A conversation in memory: both of its streams as far as the log confirmed them, and who waits.</summary>
internal sealed class Entry(ConversationId id)
{
    public ConversationId Id { get; } = id;
    public Phase Phase { get; set; }
    public Queue<Work> Waiting { get; } = new();

    public StreamState<Conversation>? Conversation { get; set; }
    public StreamState<Watermarks>? Receipts { get; set; }

    /// <summary>Somebody else may have written: read the tails before the next decision.</summary>
    public bool Stale { get; set; }

    /// <summary>It became stale once more while the tails were being read.</summary>
    public bool StaleAgain { get; set; }

    /// <summary>The first entry that another node wrote and that this one has not shown its sockets; null for none.</summary>
    public long? PublishFrom { get; set; }

    /// <summary>The last entry that was read into the state without being shown to sockets: what it was read for did not need that.</summary>
    public long UnshownThrough { get; set; } = StreamAppend.NoStream;

    /// <summary>Receipts of an append whose outcome is not known; whoever is concerned is told of those that the next reading finds in the log.</summary>
    public IReadOnlyList<RaisedMark> Unsure { get; set; } = [];

    /// <summary>How many times in a row the store could not be read.</summary>
    public int Failures { get; set; }

    /// <summary>The entry's place among the least recently used.</summary>
    public LinkedListNode<Entry>? Used { get; set; }
}

/// <summary>A stream's state at its last known event.</summary>
/// <param name="Revision">The last event's; <see cref="StreamAppend.NoStream"/> before the first.</param>
/// <param name="Hash">The last event's hash, which the next is linked to.</param>
/// <param name="Position">A position at or after the last event's.</param>
internal sealed record StreamState<TState>(TState State, long Revision, ReadOnlyMemory<byte> Hash, LogPosition Position)
{
    public static StreamState<TState> Empty(TState state) => new(state, StreamAppend.NoStream, IEventCodec.FirstLink, LogPosition.Start);
}
