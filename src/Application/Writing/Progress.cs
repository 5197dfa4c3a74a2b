using ChatCqrs.Application.Ports;

namespace ChatCqrs.Application.Writing;

/// <summary>
/// How far a node is with a conversation's stream: the entries it knows, those it has handed to its sockets, and those
/// it was told of. All members are seqs, and every transition is pure.
/// </summary>
/// <param name="Known">
/// The last entry in memory: -1 when the stream is empty, <see cref="Unread"/> before the first read.
/// </param>
/// <param name="ShownFrom">Sockets were handed every entry from here to <paramref name="Known"/>.</param>
/// <param name="Noticed">
/// The last entry that is said to be in the log; at most <paramref name="Known"/> when there is no news.
/// </param>
/// <param name="ShowFrom">
/// The first entry below <paramref name="ShownFrom"/> that sockets must still be handed; <see cref="None"/> for none.
/// </param>
internal readonly record struct Progress(long Known, long ShownFrom, long Noticed, long ShowFrom)
{
    /// <summary>Nothing was read yet.</summary>
    public const long Unread = StreamAppend.NoStream - 1;

    /// <summary>No entry.</summary>
    public const long None = long.MaxValue;

    public static Progress Start => new(Unread, None, Unread, None);

    /// <summary>Whether the log must be read before the next decision.</summary>
    public bool IsStale => Noticed > Known || ShowFrom != None;

    /// <summary>Another node announced entries.</summary>
    public Progress Notice(long firstSeq, long lastSeq) => this with
    {
        Noticed = Math.Max(Noticed, lastSeq),
        ShowFrom = firstSeq < ShownFrom ? Math.Min(ShowFrom, firstSeq) : ShowFrom,
    };

    /// <summary>
    /// An append to one of the two streams conflicted or was not answered: an event may be there that is not known.
    /// Both streams are always read together, so one seq serves both.
    /// </summary>
    public Progress Doubt() => this with { Noticed = Math.Max(Noticed, Known + 1) };

    /// <summary>The log is about to be read. What is noticed from now on may come too late for this read.</summary>
    public Progress BeginRead() => this with { Noticed = Known, ShowFrom = None };

    /// <summary>The log was read to its end.</summary>
    /// <param name="through">The last entry.</param>
    /// <param name="shownFrom">
    /// The first entry that sockets were handed; one beyond <paramref name="through"/> when none was.
    /// </param>
    public Progress EndRead(long through, long shownFrom)
    {
        var from = shownFrom <= Known + 1 ? Math.Min(ShownFrom, shownFrom) : shownFrom;
        return new Progress(through, from, Math.Max(Noticed, through), ShowFrom < from ? ShowFrom : None);
    }

    /// <summary>The read failed: what it was to answer is open again.</summary>
    /// <param name="asked">The progress before <see cref="BeginRead"/>.</param>
    public Progress FailRead(Progress asked) => this with
    {
        Noticed = Math.Max(Noticed, asked.Noticed),
        ShowFrom = Math.Min(ShowFrom, asked.ShowFrom),
    };

    /// <summary>This node appended entries, and handed them to its sockets.</summary>
    public Progress Commit(long through) => this with { Known = through, Noticed = Math.Max(Noticed, through) };
}
