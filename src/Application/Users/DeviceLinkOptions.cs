namespace ChatCqrs.Application.Users;

/// <summary>Links of new devices by QR code (section <c>DeviceLinks</c> of the configuration).</summary>
public sealed record DeviceLinkOptions
{
    /// <summary>How long a link can be approved; 1 second to 1 hour.</summary>
    public TimeSpan Lifetime { get; init; } = TimeSpan.FromMinutes(5);

    /// <summary>The most links that have not ended, all nodes; 1 to 1,000,000.</summary>
    public int OpenMax { get; init; } = 10_000;

    /// <summary>The most new devices of one address that wait for their link at once, a node; 1 to 100,000.</summary>
    public int WaitsPerAddress { get; init; } = 50;

    /// <summary>The same of all addresses, a node; 1 to 100,000.</summary>
    public int WaitsMax { get; init; } = 2_000;
}
