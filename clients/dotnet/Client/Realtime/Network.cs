using System.Net.NetworkInformation;

namespace ChatCqrs.Client.Realtime;

/// <summary>Whether this machine has a network at all.</summary>
internal interface INetwork : IDisposable
{
    bool IsUp { get; }

    /// <summary>Called when the network comes back.</summary>
    Action? CameUp { get; set; }
}

/// <summary>
/// What the operating system says. It names the state and leads to attempts at once; attempts are made in any case,
/// since a machine without a network can still reach itself.
/// </summary>
internal sealed class SystemNetwork : INetwork
{
    public SystemNetwork() => NetworkChange.NetworkAvailabilityChanged += Changed;

    public bool IsUp => NetworkInterface.GetIsNetworkAvailable();

    public Action? CameUp { get; set; }

    public void Dispose() => NetworkChange.NetworkAvailabilityChanged -= Changed;

    private void Changed(object? sender, NetworkAvailabilityEventArgs now)
    {
        if (now.IsAvailable)
            CameUp?.Invoke();
    }
}
