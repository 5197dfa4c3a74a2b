using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using ChatCqrs.Application.Ports;
using ChatCqrs.Domain;

namespace ChatCqrs.Application.Auditing.Exports;

/// <summary>
/// The heads that cover a conversation's events, while these pass: one line each, and the proof of the newest one. A
/// head of which only some events are exported gets hashes of the others, so that its root can be computed
/// (docs/adr/0133).
/// </summary>
/// <param name="checkpoint">To which all proofs lead.</param>
internal sealed class HeadLines(
    IExportEvidence evidence, string stream, EvidenceCheckpoint checkpoint, string folder) : IAsyncDisposable
{
    /// <summary>Leaves base64 as it is.</summary>
    private static readonly JsonSerializerOptions Relaxed = new()
    {
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    };

    private readonly StreamWriter _file = new(
        Path.Combine(folder, "heads.ndjson"), append: false, new UTF8Encoding(false), 128 * 1024);

    private LogPosition _through;
    private long? _first;
    private long _last;
    private EvidenceHead? _passing;
    private EvidenceHead? _written;
    private bool _isBeyond;

    /// <summary>Asks for the head of an event, unless one before has it, or it is known that there is none.</summary>
    public async ValueTask PassAsync(StoredEvent stored, CancellationToken cancellationToken)
    {
        (_first, _last) = (_first ?? stored.Revision, stored.Revision);
        if (_isBeyond || stored.Revision <= _passing?.Last || stored.Position <= _through)
            return;
        var batch = await evidence.HeadAsync(stream, stored.Position, checkpoint, cancellationToken);
        if (batch is null)
        {
            _isBeyond = true;
            return;
        }

        _through = batch.Through;
        if (batch.Head is not { } head || head.First > stored.Revision || head.Last < stored.Revision)
            return;
        await WriteAsync(cancellationToken);
        _passing = head;
    }

    /// <summary>
    /// Writes the newest head's proof. Where the batches of all events are not kept any more, that is the newest head
    /// of the conversation: its time tells how old they are.
    /// </summary>
    /// <exception cref="StoreUnavailableException">No event is in the log yet; a minute later one is.</exception>
    public async Task EndAsync(CancellationToken cancellationToken)
    {
        await WriteAsync(cancellationToken);
        var newest = _written;
        if (newest is null && !_isBeyond)
            newest = await evidence.NewestHeadAsync(stream, checkpoint, cancellationToken);
        await File.WriteAllTextAsync(
            Path.Combine(folder, "head.tlog-proof"),
            newest?.Proof ?? throw new StoreUnavailableException($"No head of {stream} is in the log yet."),
            cancellationToken);
    }

    public ValueTask DisposeAsync() => _file.DisposeAsync();

    private async Task WriteAsync(CancellationToken cancellationToken)
    {
        if (_passing is not { } head)
            return;
        _passing = null;
        var (from, to) = (Math.Max(head.First, _first!.Value), Math.Min(head.Last, _last));
        if (from > head.First || to < head.Last)
        {
            var hashes = await evidence.SegmentAsync(stream, head, from, to, cancellationToken);
            if (hashes is not null)
                head.Line["segment"] = new JsonArray([.. hashes.Select(hash => JsonValue.Create(hash))]);
            else if (to < head.Last)
                return; // Nothing leads from these events to the head.
        }

        await _file.WriteAsync((head.Line.ToJsonString(Relaxed) + "\n").AsMemory(), cancellationToken);
        _written = head;
    }
}
