using System.Globalization;
using System.Net;

namespace ChatCqrs.Client.Specs.Fakes;

/// <summary>The server's side of one upload by tus, which loses answers.</summary>
internal sealed class FakeUpload(int size)
{
    private int _requests;

    public Guid File { get; } = Guid.NewGuid();

    public MemoryStream Received { get; } = new();

    /// <summary>Every so many requests the answer is lost after its effect; 0 for never.</summary>
    public int LoseEvery { get; init; }

    public Action? AfterPart { get; set; }

    public HttpResponseMessage? Answer(HttpRequestMessage request, string body)
    {
        var answer = new HttpResponseMessage(HttpStatusCode.NoContent);
        switch (request.Method.Method)
        {
            case "POST":
                answer.StatusCode = HttpStatusCode.Created;
                answer.Headers.Location = new Uri("/v1/media/uploads/1", UriKind.Relative);
                return answer;
            case "PATCH":
                var offset = long.Parse(
                    request.Headers.GetValues("Upload-Offset").Single(), CultureInfo.InvariantCulture);
                if (offset != Received.Length)
                    return FakeServer.Problem(409, "upload_offset_mismatch");
                request.Content!.CopyToAsync(Received).GetAwaiter().GetResult();
                AfterPart?.Invoke();
                break;
        }

        if (LoseEvery > 0 && ++_requests % LoseEvery == 0)
            return null;
        answer.Headers.Add("Upload-Offset", Received.Length.ToString(CultureInfo.InvariantCulture));
        if (Received.Length == size)
            answer.Headers.Add("Chat-File-Id", File.ToString());
        return answer;
    }
}
