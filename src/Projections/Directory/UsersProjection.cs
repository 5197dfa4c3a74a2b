using System.Collections.Immutable;
using ChatCqrs.Domain;
using ChatCqrs.Domain.Users;

namespace ChatCqrs.Projections.Directory;

/// <summary>An account as others may look it up. The profile stays sealed.</summary>
public sealed record UserView
{
    /// <summary>The user's id.</summary>
    public required string Id { get; init; }

    /// <summary>Nonce, ciphertext and tag of the profile; empty once the account is erased.</summary>
    public required byte[] Profile { get; init; }

    public required DateTimeOffset RegisteredAt { get; init; }
    public required ImmutableArray<Guid> Devices { get; init; }

    /// <summary>Null while the account is there.</summary>
    public DateTimeOffset? ErasedAt { get; init; }
}

/// <summary>Who has an account?</summary>
public sealed class UsersProjection : IProjection<UserId, UserView>
{
    public static IEnumerable<UserId> KeysOf(Recorded fact) =>
        fact.Event is UserEvent.UserRegistered or UserEvent.ProfileChanged or UserEvent.DeviceAdded or UserEvent.DeviceRemoved
            or UserEvent.UserErased ? [new UserId(StreamName.IdOf(fact.Stream))] : [];

    public static UserView? Evolve(UserView? view, UserId key, Recorded fact) => fact.Event switch
    {
        UserEvent.UserRegistered e => new UserView
        {
            Id = key.ToString(),
            Profile = e.Profile.Bytes.ToArray(),
            RegisteredAt = fact.At,
            Devices = [],
        },
        UserEvent.UserErased => new UserView
        {
            Id = key.ToString(),
            Profile = [],
            RegisteredAt = view?.RegisteredAt ?? fact.At,
            Devices = [],
            ErasedAt = fact.At,
        },
        _ when view is null => null, // What came before an erasure is being taken out of the log, and a rebuild may meet a part of it.
        UserEvent.ProfileChanged e => view with { Profile = e.Profile.Bytes.ToArray() },
        UserEvent.DeviceAdded e => view with { Devices = view.Devices.Add(e.Device.Value) },
        UserEvent.DeviceRemoved e => view with { Devices = view.Devices.Remove(e.Device.Value) },
        _ => view,
    };
}
