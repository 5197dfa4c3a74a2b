using ChatCqrs.Application.Ports;

namespace ChatCqrs.Application;

/// <summary>
/// Rate limits (section <c>RateLimits</c> of the configuration). Each is a token bucket: a burst, and a refill per
/// second.
/// </summary>
public sealed record RateLimitOptions
{
    public bool Enabled { get; set; } = true;

    /// <summary>Requests of one user.</summary>
    public Bucket User { get; init; } = new() { Burst = 2_000, PerSecond = 100 };

    /// <summary>Requests from one address (IPv6: one /56), of any user.</summary>
    public Bucket Address { get; init; } = new() { Burst = 5_000, PerSecond = 500 };

    /// <summary>Registrations from one address.</summary>
    public Bucket Registrations { get; init; } = new() { Burst = 120, PerSecond = 0.5 };

    /// <summary>Attempts with codes and refresh tokens from one address.</summary>
    public Bucket Verifications { get; init; } = new() { Burst = 240, PerSecond = 2 };

    /// <summary>Device links that one address asks for.</summary>
    public Bucket DeviceLinks { get; init; } = new() { Burst = 60, PerSecond = 0.2 };

    /// <summary>Frames that one user sends over sockets.</summary>
    public Bucket Frames { get; init; } = new() { Burst = 5_000, PerSecond = 500 };

    /// <summary>Sockets that one user opens.</summary>
    public Bucket Sockets { get; init; } = new() { Burst = 200, PerSecond = 2 };

    /// <summary>The most open sockets of one user on one node; 1 to 1,000,000.</summary>
    public int SocketsMax { get; set; } = 100;

    /// <summary>
    /// The most sockets of one address (IPv6: one /56) on one node that have not said yet who they are; 1 to 1,000,000.
    /// </summary>
    public int NewcomersMax { get; set; } = 200;

    /// <summary>Frames <c>typing</c> that one user sends. Excess frames are dropped silently.</summary>
    public Bucket Typing { get; init; } = new() { Burst = 10, PerSecond = 2 };

    /// <summary>
    /// Phones that one user tries, by looking them up or by sending to them: an address book at first, then its
    /// changes. Bounds how many numbers a user can probe per day.
    /// </summary>
    public Bucket Contacts { get; init; } = new() { Burst = 2_000, PerSecond = 0.02 };

    /// <summary>
    /// People that one user puts into groups, by starting a group or adding members. A view is written for each.
    /// </summary>
    public Bucket GroupMembers { get; init; } = new() { Burst = 2_000, PerSecond = 5 };

    /// <summary>
    /// Changes of one conversation's retention, by any of its members: ten at first, some ten an hour from then on.
    /// </summary>
    public Bucket RetentionChanges { get; init; } = new() { Burst = 10, PerSecond = 0.003 };

    /// <summary>Changes of one user's profile. All who share a conversation with them are told.</summary>
    public Bucket ProfileChanges { get; init; } = new() { Burst = 60, PerSecond = 0.1 };

    /// <summary>Exports of one user. Each reads all data about the user.</summary>
    public Bucket Exports { get; init; } = new() { Burst = 5, PerSecond = 0.001 };

    /// <summary>Push subscriptions that one user makes or renews, at every start of an application at most.</summary>
    public Bucket PushSubscriptions { get; init; } = new() { Burst = 30, PerSecond = 0.02 };

    /// <summary>
    /// Codes to one phone in any hour, counted over all nodes, for each kind of origin by itself
    /// (<see cref="PhoneLimits"/>); 1 to 1,000,000.
    /// </summary>
    public int CodesPerPhoneAndHour { get; set; } = 10;

    /// <summary>
    /// Codes to one phone in any 24 hours, counted over all nodes, likewise. With five guesses per code it bounds the
    /// chance of guessing one.
    /// </summary>
    public int CodesPerPhoneAndDay { get; set; } = 30;

    /// <summary>
    /// Of these, codes in any hour that one address asked for from which the phone's account has not signed in before.
    /// </summary>
    public int CodesPerPhoneAddressAndHour { get; set; } = 5;

    /// <summary>The same in any 24 hours.</summary>
    public int CodesPerPhoneAddressAndDay { get; set; } = 10;

    /// <summary>The limits per phone; null for none.</summary>
    public PhoneLimits? OfPhones => Enabled
        ? new PhoneLimits(
            CodesPerPhoneAndHour, CodesPerPhoneAndDay, CodesPerPhoneAddressAndHour, CodesPerPhoneAddressAndDay)
        : null;

    public sealed record Bucket
    {
        /// <summary>The burst; 1 to 1,000,000.</summary>
        public int Burst { get; init; }

        /// <summary>The refill per second; more than 0, at most 1,000,000.</summary>
        public double PerSecond { get; init; }
    }
}
