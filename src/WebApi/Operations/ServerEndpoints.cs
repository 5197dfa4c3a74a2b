using ChatCqrs.Application;
using ChatCqrs.Application.Conversations;
using ChatCqrs.Application.Media;
using ChatCqrs.Application.Messages;
using ChatCqrs.Application.Ports;
using ChatCqrs.Application.Push;
using ChatCqrs.Application.Retention;
using ChatCqrs.Domain.Conversations;
using ChatCqrs.WebApi.Http;
using ChatCqrs.WebApi.Realtime;
using Microsoft.Extensions.Options;

namespace ChatCqrs.WebApi.Operations;

/// <summary>The server's description of itself (section <c>Server</c> of the configuration).</summary>
public sealed record ServerOptions
{
    /// <summary>The longest name, in characters.</summary>
    public const int NameMax = 100;

    /// <summary>The name that clients show for this server; 1 to <see cref="NameMax"/> characters.</summary>
    public string Name { get; init; } = "ChatCqrs";
}

/// <summary><c>GET /v1/server</c>: what a client talks to, and within which bounds.</summary>
internal static class ServerEndpoints
{
    private const string Caching = "public, max-age=60";

    /// <summary>The product's version, in three numbers.</summary>
    public static readonly string Version = typeof(Program).Assembly.GetName().Version!.ToString(fieldCount: 3);

    public static WebApplicationBuilder AddServerInformation(this WebApplicationBuilder builder)
    {
        builder.Services.AddOptions<ServerOptions>().Bind(builder.Configuration.GetSection("Server"))
            .Validate(
                options => options.Name.Trim().Length is >= 1 and <= ServerOptions.NameMax,
                $"Server:Name must have 1 to {ServerOptions.NameMax} characters.")
            .ValidateOnStart();
        builder.Services.AddSingleton<ServerInformation>();
        return builder;
    }

    public static void MapServer(this IEndpointRouteBuilder app) => app.MapGet("/v1/server", Show).AllowAnonymous();

    private static ServerAnswer Show(ServerInformation server, HttpResponse response)
    {
        response.Headers.CacheControl = Caching;
        return server.Show();
    }
}

/// <summary>Gathers each value from what enforces it.</summary>
internal sealed class ServerInformation(
    IOptions<ServerOptions> server, IOptions<MediaOptions> media, IOptions<GroupOptions> groups,
    IOptions<RetentionOptions> retention, IVapidKey vapid, IEnumerable<IPushSender> senders,
    EndpointDataSource endpoints, ILogIncarnation incarnation, TimeProvider clock)
{
    private readonly Lazy<IReadOnlyList<string>> _features = new(
        () => [.. Features.Of(endpoints).Concat(SocketFeatures.All).Order(StringComparer.Ordinal)]);

    public ServerAnswer Show() => new(
        server.Value.Name, ServerEndpoints.Version, ["v1"], clock.GetUtcNow(), incarnation.Current, ["phone"],
        new ServerLimits(
            SendMessage.TextMax, SendMessage.CiphertextMax, SendMessage.AttachmentMax, media.Value.SizeMax,
            SocketGateway.FrameMax, groups.Value.MembersMax, (long)MessageRules.EditWindow.TotalSeconds,
            Paging.LimitMax),
        new ServerRetention(
            retention.Value.Days, (long)retention.Value.ShortestTimer.TotalSeconds,
            retention.Value.DeleteWhenDelivered),
        new ServerPush(vapid.PublicKey, IsReady(PushPlatforms.Fcm), IsReady(PushPlatforms.Apns)),
        Encryption: null, _features.Value);

    private bool IsReady(string platform) => senders.Any(sender => sender.Platform == platform && sender.IsReady);
}

/// <summary>The server, its bounds and what it offers.</summary>
/// <param name="Name">The name that its operator gave it.</param>
/// <param name="Version">For people; a client decides by <paramref name="Features"/> and the bounds.</param>
/// <param name="ApiVersions">The version segments of addresses that it serves.</param>
/// <param name="Time">The server's clock.</param>
/// <param name="Incarnation">Changes when the log has lost entries; see <c>reset</c>.</param>
/// <param name="Registration">How an account is made.</param>
/// <param name="Encryption">The end-to-end encryption that it takes part in; null for none.</param>
/// <param name="Features">What it offers beyond what every server does; there may be ones that a client does not
/// know.</param>
public sealed record ServerAnswer(
    string Name, string Version, IReadOnlyList<string> ApiVersions, DateTimeOffset Time, Guid Incarnation,
    IReadOnlyList<string> Registration, ServerLimits Limits, ServerRetention Retention, ServerPush Push,
    ServerEncryption? Encryption, IReadOnlyList<string> Features);

/// <summary>The bounds of what may be sent. What is larger is refused.</summary>
/// <param name="TextBytes">A message's text, in bytes of UTF-8.</param>
/// <param name="CiphertextBytes">A message's ciphertext, in bytes; decoded, if it is base64.</param>
/// <param name="AttachmentBytes"><c>media_object</c> or <c>document</c>, in bytes of JSON.</param>
/// <param name="FileBytes">A file.</param>
/// <param name="FrameBytes">A frame of the socket.</param>
/// <param name="Members">The members of a group.</param>
/// <param name="EditSeconds">How long a message may be edited.</param>
/// <param name="Page">The most items of a page.</param>
public sealed record ServerLimits(
    int TextBytes, int CiphertextBytes, int AttachmentBytes, long FileBytes, int FrameBytes, int Members,
    long EditSeconds, int Page);

/// <summary>How long messages are kept, unless their conversation says otherwise.</summary>
/// <param name="Days">The days until a message expires.</param>
/// <param name="ShortestTimerSeconds">The least <c>disappearing_seconds</c>.</param>
/// <param name="DeleteWhenDelivered">Whether messages expire once all devices of all recipients have them.</param>
public sealed record ServerRetention(int Days, long ShortestTimerSeconds, bool DeleteWhenDelivered);

/// <summary>The push services by which the server wakes devices.</summary>
/// <param name="WebpushPublicKey">For a browser's <c>applicationServerKey</c>; null without Web Push.</param>
public sealed record ServerPush(string? WebpushPublicKey, bool Fcm, bool Apns);

/// <summary>The end-to-end encryption that the server takes part in.</summary>
public sealed record ServerEncryption(ServerMls Mls);

/// <summary>MLS (RFC 9420).</summary>
/// <param name="CipherSuites">By their numbers in the registry of RFC 9420, section 17.1.</param>
/// <param name="LeavesMax">The most leaves of a group: devices.</param>
/// <param name="AddsMax">The most devices that one commit adds.</param>
public sealed record ServerMls(IReadOnlyList<int> CipherSuites, int LeavesMax, int AddsMax);
