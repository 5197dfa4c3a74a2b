using System.IO.Pipelines;
using System.Text.Encodings.Web;
using System.Text.Json;

namespace ChatCqrs.Application.Auditing;

/// <summary>
/// Writes JSON objects, one a line. Holds at most a line and <see cref="UnsentMax"/> bytes, and waits for its reader
/// beyond that.
/// </summary>
internal sealed class LineWriter(PipeWriter output, CancellationToken cancellationToken)
{
    private const long UnsentMax = 64 * 1024;

    private long _ended;
    private long _sent;

    /// <summary>The object of the line that is being written.</summary>
    public Utf8JsonWriter Json { get; } = new(output, new JsonWriterOptions
    {
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
        SkipValidation = true,
    });

    private long Written => _ended + Json.BytesCommitted + Json.BytesPending;

    /// <summary>Ends the line.</summary>
    /// <exception cref="OperationCanceledException">Nobody reads on.</exception>
    public async ValueTask EndLineAsync()
    {
        Json.Flush();
        _ended += Json.BytesCommitted + 1;
        Json.Reset();
        output.GetSpan(1)[0] = (byte)'\n';
        output.Advance(1);
        await RestAsync();
    }

    /// <summary>Waits for the reader if much is unsent, also within a long line.</summary>
    /// <exception cref="OperationCanceledException">Nobody reads on.</exception>
    public ValueTask RestAsync() => Written - _sent > UnsentMax ? FlushAsync() : ValueTask.CompletedTask;

    /// <summary>Sends what was written, and waits for the reader.</summary>
    /// <exception cref="OperationCanceledException">Nobody reads on.</exception>
    public async ValueTask FlushAsync()
    {
        Json.Flush();
        _sent = Written;
        var taken = await output.FlushAsync(cancellationToken);
        if (taken.IsCompleted || taken.IsCanceled)
            throw new OperationCanceledException("Whoever asked does not read on.");
    }
}
