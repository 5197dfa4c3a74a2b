using System.Security.Cryptography;
using System.Text;
using ChatCqrs.Client.Http;
using ChatCqrs.Client.Realtime;

namespace ChatCqrs.Client;

/// <summary>A link that waits for its approval by a device that is signed in.</summary>
public sealed class DeviceLink
{
    /// <summary>Longer than the server waits before it answers that nothing has happened.</summary>
    private static readonly TimeSpan AskWithin = TimeSpan.FromSeconds(40);

    private readonly ChatClient _client;
    private readonly LinkStarted _started;
    private readonly LinkAddress _address;

    internal DeviceLink(ChatClient client, LinkStarted started, byte[] code)
    {
        (_client, _started) = (client, started);
        _address = new LinkAddress(client.Parts.Rest.Url, started.LinkId, code);
    }

    /// <summary>To be shown as a QR code, and to nobody else: whoever has it can sign this device in.</summary>
    public string Address => _address.ToString();

    /// <summary>When it ends.</summary>
    public DateTimeOffset ExpiresAt => _started.ExpiresAt;

    /// <summary>
    /// Waits until the person has approved it, and signs in. Failures of the network are waited out.
    /// </summary>
    /// <exception cref="ChatException">
    /// <see cref="ErrorCode.LinkRefused"/>, <see cref="ErrorCode.LinkExpired"/>, <see cref="ErrorCode.LinkUnproven"/>.
    /// </exception>
    public async Task<Account> ApprovedAsync(CancellationToken cancellationToken = default)
    {
        for (var failures = 0; ;)
        {
            try
            {
                var answer = await _client.AskLinkAsync(_started, AskWithin, cancellationToken).ConfigureAwait(false);
                failures = 0;
                if (answer.Status != "pending")
                    return await SettledAsync(answer, cancellationToken).ConfigureAwait(false);
            }
            catch (ChatException failed) when (failed.Retryable)
            {
                var wait = Reconnecting.Jitter(failures++, _client.Parts.Random);
                await Task.Delay(
                    failed.RetryAfter is { } asked && asked > wait ? asked : wait, _client.Parts.Clock.Time,
                    cancellationToken).ConfigureAwait(false);
            }
        }
    }

    private Task<Account> SettledAsync(LinkAnswer answer, CancellationToken cancellationToken)
    {
        if (answer.Status == "refused")
            throw new ChatException(ErrorCode.LinkRefused, "The link was refused.");
        if (answer.Status != "approved")
            throw new ChatException(ErrorCode.LinkExpired, "Nobody approved the link in time.");
        if (answer is not
            {
                UserId: { } user, DeviceId: { } device, AccessToken: { } access, RefreshToken: { } refresh,
                ExpiresIn: { } seconds,
            }
            || !CryptographicOperations.FixedTimeEquals(
                Encoding.ASCII.GetBytes(answer.Proof ?? ""), Encoding.ASCII.GetBytes(_address.Proof())))
            throw new ChatException(
                ErrorCode.LinkUnproven, "Whoever approved the link did not have its code. It is dropped.");
        return _client.SignInAsync(new TokenAnswer(user, device, access, refresh, seconds), cancellationToken);
    }
}

/// <summary>The content of a link's QR code: <c>chatcqrs:link?server=..&amp;id=..&amp;code=..</c>.</summary>
internal sealed record LinkAddress(Uri Server, Guid Id, byte[] Code)
{
    private const string Start = "chatcqrs:link?";
    private const int CodeBytes = 32;

    public static LinkAddress Parse(string text)
    {
        if (!text.StartsWith(Start, StringComparison.Ordinal))
            throw new FormatException("This is no link of a device.");
        var members = text[Start.Length..].Split('&').Select(pair => pair.Split('=', 2))
            .Where(pair => pair.Length == 2)
            .GroupBy(pair => pair[0], pair => Uri.UnescapeDataString(pair[1]), StringComparer.Ordinal)
            .ToDictionary(group => group.Key, group => group.First(), StringComparer.Ordinal);
        return members.TryGetValue("id", out var id) && Guid.TryParse(id, out var link)
            && members.TryGetValue("server", out var server) && Uri.TryCreate(server, UriKind.Absolute, out var address)
            && members.TryGetValue("code", out var code) && FromBase64Url(code) is { Length: CodeBytes } bytes
                ? new LinkAddress(address, link, bytes)
                : throw new FormatException("This is no link of a device.");
    }

    /// <summary>Shows who has the code: SHA-256 over the id's 36 characters and the code's 32 bytes, base64.</summary>
    public string Proof() =>
        Convert.ToBase64String(SHA256.HashData([.. Encoding.ASCII.GetBytes(Id.ToString()), .. Code]));

    public override string ToString()
    {
        var server = Uri.EscapeDataString(Server.AbsoluteUri.TrimEnd('/'));
        return $"{Start}server={server}&id={Id}&code={ToBase64Url(Code)}";
    }

    private static string ToBase64Url(byte[] bytes) =>
        Convert.ToBase64String(bytes).TrimEnd('=').Replace('+', '-').Replace('/', '_');

    private static byte[]? FromBase64Url(string text)
    {
        var padded = text.Replace('-', '+').Replace('_', '/') + new string('=', (4 - text.Length % 4) % 4);
        var bytes = new byte[padded.Length];
        return Convert.TryFromBase64String(padded, bytes, out var length) ? bytes[..length] : null;
    }
}
