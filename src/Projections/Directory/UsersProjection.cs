using System.Collections.Immutable;
using ChatCqrs.Domain;
using ChatCqrs.Domain.Users;

namespace ChatCqrs.Projections.Directory;

/// <summary>An account as other users may look it up. The profile stays sealed.</summary>
public sealed record UserView
{
    /// <summary>The user's id.</summary>
    public required string Id { get; init; }

    /// <summary>The profile's nonce, ciphertext and tag; empty after erasure.</summary>
    public required byte[] Profile { get; init; }

    public required DateTimeOffset RegisteredAt { get; init; }
    public required ImmutableArray<Guid> Devices { get; init; }

    /// <summary>Those of the devices that may lose what they store; empty in views of earlier versions.</summary>
    public ImmutableArray<Guid> Ephemeral { get; init; } = [];

    /// <summary>Time of erasure, UTC; null if not erased.</summary>
    public DateTimeOffset? ErasedAt { get; init; }
}

/// <summary>Folds accounts: who is registered, with which profile and devices.</summary>
public sealed class UsersProjection : IProjection<UserId, UserView>
{
    public static IEnumerable<UserId> KeysOf(Recorded fact) => fact.Event switch
    {
        UserEvent.UserRegistered or UserEvent.ProfileChanged or UserEvent.DeviceAdded or UserEvent.DeviceRemoved
            or UserEvent.UserErased => [new UserId(StreamName.IdOf(fact.Stream))],
        _ => [],
    };

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
        _ when view is null => null, // Erasure truncates the earlier events, and a rebuild may read a part of them.
        UserEvent.ProfileChanged e => view with { Profile = e.Profile.Bytes.ToArray() },
        UserEvent.DeviceAdded e => view with
        {
            Devices = view.Devices.Add(e.Device.Value),
            Ephemeral = e.Ephemeral ? view.Ephemeral.Add(e.Device.Value) : view.Ephemeral,
        },
        UserEvent.DeviceRemoved e => view with
        {
            Devices = view.Devices.Remove(e.Device.Value),
            Ephemeral = view.Ephemeral.Remove(e.Device.Value),
        },
        _ => view,
    };
}
