using ChatCqrs.Domain;

namespace ChatCqrs.Application.Push;

/// <summary>
/// Bounds the push attempts in flight on this node, so that the slow endpoints of one user, or of one host, leave
/// workers to the others.
/// </summary>
internal sealed class AttemptsInFlight
{
    /// <summary>Attempts in flight for one subscription.</summary>
    internal const int SubscriptionMax = 1;

    /// <summary>Attempts in flight for the subscriptions of one user.</summary>
    internal const int UserMax = 2;

    /// <summary>Attempts in flight to one host and port of Web Push, or to FCM or APNs: half of the workers.</summary>
    internal const int HostMax = 4;

    private readonly Dictionary<object, int> _running = [];
    private readonly Lock _turn = new();

    /// <returns>The place, to be disposed after the attempt; null if a bound is reached.</returns>
    public IDisposable? TryEnter(Guid subscription, UserId user, string host)
    {
        (object Key, int Max)[] bounds = [(subscription, SubscriptionMax), (user, UserMax), (host, HostMax)];
        lock (_turn)
        {
            if (bounds.Any(bound => _running.GetValueOrDefault(bound.Key) >= bound.Max))
                return null;
            foreach (var (key, _) in bounds)
                _running[key] = _running.GetValueOrDefault(key) + 1;
        }

        return new Place(this, [.. bounds.Select(bound => bound.Key)]);
    }

    private void Leave(object[] keys)
    {
        lock (_turn)
        {
            foreach (var key in keys)
            {
                if (--_running[key] == 0)
                    _running.Remove(key);
            }
        }
    }

    private sealed class Place(AttemptsInFlight attempts, object[] keys) : IDisposable
    {
        public void Dispose() => attempts.Leave(keys);
    }
}
