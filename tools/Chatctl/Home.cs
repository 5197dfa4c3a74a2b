using ChatCqrs.Client;

namespace ChatCqrs.Chatctl;

/// <summary>Where the tokens and the server's address are kept between commands.</summary>
internal static class Home
{
    private const string AddressKey = "chatctl-server";

    private static FileStorage Storage { get; } = new(
        Environment.GetEnvironmentVariable("CHATCTL_HOME") is { Length: > 0 } set
            ? set
            : Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.ApplicationData), "chatctl"));

    public static ChatClient Client(Uri url) => new(new ChatClientOptions
    {
        Url = url,
        Storage = Storage,
        DeviceName = "chatctl",
        Platform = "cli",
    });

    public static async Task RememberAsync(Uri url, CancellationToken cancellationToken) =>
        await Storage.WriteAsync(AddressKey, url.AbsoluteUri, cancellationToken: cancellationToken);

    /// <exception cref="UsageException">Nobody has signed in.</exception>
    public static async Task<ChatClient> ClientAsync(CancellationToken cancellationToken) =>
        await Storage.ReadAsync(AddressKey, cancellationToken) is { } address
            ? Client(new Uri(address))
            : throw new UsageException("Sign in first.");
}
