using System.Collections.Immutable;
using ChatCqrs.Domain;
using ChatCqrs.Domain.Users;

namespace ChatCqrs.Projections.Directory;

/// <summary>An account as others may look it up. The profile stays sealed.</summary>
public sealed record UserView
{
    /// <summary>The user's id.</summary>
    public required string Id { get; init; }

    /// <summary>Nonce, ciphertext and tag of the profile.</summary>
    public required byte[] Profile { get; init; }

    public required DateTimeOffset RegisteredAt { get; init; }
    public required ImmutableArray<Guid> Devices { get; init; }
}

/// <summary>Who has an account?</summary>
public sealed class UsersProjection : IProjection<UserId, UserView>
{
    public static IEnumerable<UserId> KeysOf(Recorded fact) =>
        fact.Event is UserEvent.UserRegistered or UserEvent.ProfileChanged or UserEvent.DeviceAdded or UserEvent.DeviceRemoved
            ? [new UserId(StreamName.IdOf(fact.Stream))] : [];

    public static UserView? Evolve(UserView? view, UserId key, Recorded fact) => fact.Event switch
    {
        UserEvent.UserRegistered e => new UserView
        {
            Id = key.ToString(),
            Profile = e.Profile.Bytes.ToArray(),
            RegisteredAt = fact.At,
            Devices = [],
        },
        UserEvent.ProfileChanged e => view! with { Profile = e.Profile.Bytes.ToArray() },
        UserEvent.DeviceAdded e => view! with { Devices = view.Devices.Add(e.Device.Value) },
        UserEvent.DeviceRemoved e => view! with { Devices = view.Devices.Remove(e.Device.Value) },
        _ => view,
    };
}
