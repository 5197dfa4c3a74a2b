using System.Text;
using ChatCqrs.Application.Ports;
using ChatCqrs.Domain;

namespace ChatCqrs.Application.Auditing.Exports;

/// <summary>
/// The heads that cover a conversation's events, while these pass: one line each, and the proof of the newest one.
/// </summary>
/// <param name="checkpoint">To which all proofs lead.</param>
internal sealed class HeadLines(
    IExportEvidence evidence, string stream, EvidenceCheckpoint checkpoint, string folder) : IAsyncDisposable
{
    private readonly StreamWriter _file = new(
        Path.Combine(folder, "heads.ndjson"), append: false, new UTF8Encoding(false), 128 * 1024);

    private LogPosition _through;
    private EvidenceHead? _newest;
    private bool _isBeyond;

    /// <summary>Asks for the head of an event, unless one before has it, or it is known that there is none.</summary>
    public async ValueTask PassAsync(StoredEvent stored, CancellationToken cancellationToken)
    {
        if (_isBeyond || stored.Revision <= _newest?.Last || stored.Position <= _through)
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
        _newest = head;
        await _file.WriteAsync((head.Line + "\n").AsMemory(), cancellationToken);
    }

    /// <summary>Writes the newest head's proof.</summary>
    /// <exception cref="StoreUnavailableException">No event is in the log yet; a minute later one is.</exception>
    public Task EndAsync(CancellationToken cancellationToken) => _newest is null
        ? throw new StoreUnavailableException($"No head of {stream} is in the log yet.")
        : File.WriteAllTextAsync(Path.Combine(folder, "head.tlog-proof"), _newest.Proof, cancellationToken);

    public ValueTask DisposeAsync() => _file.DisposeAsync();
}
