using System.Globalization;
using System.Net;
using System.Text;
using ChatCqrs.Infrastructure.Tlog;

namespace ChatCqrs.Infrastructure.Auditing;

/// <summary>
/// Asks a witness for its cosignature (c2sp.org/tlog-witness@v1.0.0, add-checkpoint). Nothing that a witness answers is
/// believed without a signature, but for the size of a conflict.
/// </summary>
internal sealed class WitnessClient(HttpClient http)
{
    /// <summary>The most bytes of an answer: a cosignature has some 200.</summary>
    public const int AnswerMax = 16 * 1024;

    /// <summary>The longest call, from connecting to the answer's last byte.</summary>
    public static readonly TimeSpan CallMax = TimeSpan.FromSeconds(10);

    private const string SizeType = "text/x.tlog.size";

    /// <summary>A client that follows no redirects, keeps no cookies, and has the bounds above.</summary>
    public static HttpClient CreateHttp() => new(new SocketsHttpHandler
    {
        AllowAutoRedirect = false,
        UseCookies = false,
        ConnectTimeout = CallMax,
        PooledConnectionLifetime = TimeSpan.FromMinutes(10),
        MaxConnectionsPerServer = 2,
        MaxResponseHeadersLength = 16,
    })
    { Timeout = CallMax, MaxResponseContentBufferSize = AnswerMax };

    /// <param name="prefix">The submission prefix, which ends with a slash.</param>
    /// <param name="old">The size that the witness has cosigned last; 0 for none.</param>
    /// <param name="proof">That the tree of that size is a prefix of the checkpoint's; empty for 0.</param>
    /// <param name="checkpoint">A signed checkpoint.</param>
    public async Task<WitnessAnswer> AddCheckpointAsync(
        Uri prefix, long old, IReadOnlyList<Digest> proof, string checkpoint, CancellationToken cancellationToken)
    {
        var body = new StringBuilder("old ").Append(TextLines.OfNumber(old)).Append('\n');
        foreach (var hash in proof)
            body.Append(hash).Append('\n');
        try
        {
            using var content = new ByteArrayContent(
                Encoding.UTF8.GetBytes(body.Append('\n').Append(checkpoint).ToString()));
            using var response = await http.PostAsync(new Uri(prefix, "add-checkpoint"), content, cancellationToken);
            var answer = await response.Content.ReadAsByteArrayAsync(cancellationToken);
            return response.StatusCode switch
            {
                HttpStatusCode.OK => Lines(answer),
                HttpStatusCode.Conflict when response.Content.Headers.ContentType?.MediaType == SizeType =>
                    new WitnessAnswer.OtherSize(TextLines.Number(FirstOf(answer))),
                var status => new WitnessAnswer.Refused(MeaningOf(status)),
            };
        }
        catch (FormatException fault)
        {
            return new WitnessAnswer.Refused($"its answer is malformed: {fault.Message}");
        }
        catch (Exception failure) when (
            failure is HttpRequestException or IOException
            || (failure is OperationCanceledException && !cancellationToken.IsCancellationRequested))
        {
            return new WitnessAnswer.Unreachable(failure.Message);
        }
    }

    private static WitnessAnswer.Cosigned Lines(byte[] answer)
    {
        var (lines, signatures) = (new TextLines(answer), new List<NoteSignature>());
        while (lines.HasNext)
            signatures.Add(NoteSignature.Parse(lines.Next()));
        return new WitnessAnswer.Cosigned(signatures);
    }

    private static string FirstOf(byte[] answer)
    {
        var lines = new TextLines(answer);
        var first = lines.Next();
        lines.End();
        return first;
    }

    private static string MeaningOf(HttpStatusCode status) => status switch
    {
        HttpStatusCode.NotFound => "it does not know the log (404)",
        HttpStatusCode.Forbidden => "it does not know the log's key (403)",
        HttpStatusCode.UnprocessableEntity => "it has seen another history of the log: the proof does not hold (422)",
        HttpStatusCode.Conflict => "it has cosigned another root of this size (409)",
        _ => string.Create(CultureInfo.InvariantCulture, $"it answered {(int)status}"),
    };
}

/// <summary>What a witness answers.</summary>
internal abstract record WitnessAnswer
{
    private WitnessAnswer()
    {
    }

    /// <param name="Lines">Signature lines, not verified yet.</param>
    public sealed record Cosigned(IReadOnlyList<NoteSignature> Lines) : WitnessAnswer;

    /// <summary>The old size is not the last one that the witness has cosigned.</summary>
    /// <param name="Size">Which one is.</param>
    public sealed record OtherSize(long Size) : WitnessAnswer;

    /// <summary>It will not cosign, or what it says makes no sense.</summary>
    public sealed record Refused(string Reason) : WitnessAnswer;

    /// <summary>It does not answer in time, or too much.</summary>
    public sealed record Unreachable(string Reason) : WitnessAnswer;
}
