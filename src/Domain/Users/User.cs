using System.Collections.Immutable;
using static ChatCqrs.Domain.Users.UserCommand;
using static ChatCqrs.Domain.Users.UserEvent;

namespace ChatCqrs.Domain.Users;

/// <summary>A client installation on which the user is signed in.</summary>
/// <param name="Ephemeral">Whether it may lose what it stores, as a browser may: nothing relies on its copy.</param>
public sealed record Device(DeviceId Id, string Name, string Platform, DateTimeOffset AddedAt, bool Ephemeral = false);

/// <summary>An account, its devices, blocks and settings.</summary>
/// <param name="Id">Null before registration.</param>
/// <param name="Profile">Phone, name, about and avatar, sealed.</param>
/// <param name="Devices">In order of addition; at most <see cref="DevicesMax"/>.</param>
/// <param name="RegisteredAt">Time of registration, UTC.</param>
/// <param name="LastAt">Time of the last event, UTC. Never decreases.</param>
public sealed record User(
    UserId? Id, SealedContent? Profile, ImmutableArray<Device> Devices, DateTimeOffset RegisteredAt,
    DateTimeOffset LastAt)
{
    /// <summary>The most devices of an account. Adding another removes one.</summary>
    public const int DevicesMax = 64;

    /// <summary>The most users an account may block.</summary>
    public const int BlocksMax = 1_000;

    public static readonly User NotRegistered =
        new(null, null, ImmutableArray<Device>.Empty, DateTimeOffset.MinValue, DateTimeOffset.MinValue);

    /// <summary>The file that the profile names as its avatar; null for none.</summary>
    public FileId? Avatar { get; init; }

    /// <summary>The blocked users, and when each was blocked.</summary>
    public ImmutableDictionary<UserId, DateTimeOffset> Blocked { get; init; } =
        ImmutableDictionary<UserId, DateTimeOffset>.Empty;

    /// <summary>Settings of conversations that differ from <see cref="ConversationSettings.None"/>.</summary>
    public ImmutableDictionary<ConversationId, ConversationSettings> Settings { get; init; } =
        ImmutableDictionary<ConversationId, ConversationSettings>.Empty;

    /// <summary>When the account was erased, UTC; null if it was not. No event follows an erasure.</summary>
    public DateTimeOffset? ErasedAt { get; init; }

    public ConversationSettings SettingsOf(ConversationId conversation) =>
        Settings.GetValueOrDefault(conversation, ConversationSettings.None);

    public bool HasDevice(DeviceId device) => Devices.Any(known => known.Id == device);

    /// <summary>Returns the events that a command leads to; none if the state already is as asked.</summary>
    /// <exception cref="RefusedException">The command is refused.</exception>
    public static IReadOnlyList<UserEvent> Decide(User state, UserCommand command, DateTimeOffset now)
    {
        now = now > state.LastAt ? now : state.LastAt;
        return command switch
        {
            Erase when state.ErasedAt is not null => [], // A retry is not an error.
            AddDevice when state.ErasedAt is not null => throw new RefusedException(Refusal.RegistrationBurnt),
            _ when state.ErasedAt is not null => throw new RefusedException(Refusal.UserUnknown),
            AddDevice c when state.Id is null =>
            [
                new UserRegistered(c.User, c.RegisterWith) { At = now },
                Added(c, now),
            ],
            AddDevice c when state.HasDevice(c.Device) => [], // A retry is not an error.
            AddDevice c when state.Devices.Length < DevicesMax => [Added(c, now)],
            AddDevice c =>
            [
                new DeviceRemoved(c.User, DeviceToRemove(state, c.InPlaceOf)) { At = now },
                Added(c, now),
            ],
            _ when state.Id is null => throw new RefusedException(Refusal.UserUnknown),
            Erase => [new UserErased(state.Id.Value) { At = now }],
            ChangeProfile c when state.Profile == c.Profile => [],
            ChangeProfile c => [new ProfileChanged(state.Id.Value, c.Profile, c.Avatar) { At = now }],
            RemoveDevice c when !state.HasDevice(c.Device) => throw new RefusedException(Refusal.DeviceUnknown),
            RemoveDevice c => [new DeviceRemoved(state.Id.Value, c.Device) { At = now }],
            Block c when c.Other == state.Id => throw new RefusedException(Refusal.BlockOneself),
            Block c when state.Blocked.ContainsKey(c.Other) => [],
            Block when state.Blocked.Count >= BlocksMax => throw new RefusedException(Refusal.TooManyBlocks),
            Block c => [new UserBlocked(state.Id.Value, c.Other) { At = now }],
            Unblock c when !state.Blocked.ContainsKey(c.Other) => [],
            Unblock c => [new UserUnblocked(state.Id.Value, c.Other) { At = now }],
            ChangeSettings c when state.SettingsOf(c.Conversation) == c.Settings => [],
            ChangeSettings c =>
                [new ConversationSettingsChanged(state.Id.Value, c.Conversation, c.Settings) { At = now }],
            _ => throw new InvalidOperationException($"Unknown command {command.GetType().Name}."),
        };
    }

    public static User Evolve(User state, UserEvent @event)
    {
        var next = state with { LastAt = @event.At };
        return @event switch
        {
            UserRegistered e => next with { Id = e.User, Profile = e.Profile, RegisteredAt = e.At },
            ProfileChanged e => next with { Profile = e.Profile, Avatar = e.Avatar },
            DeviceAdded e => next with
            {
                Devices = state.Devices.Add(new Device(e.Device, e.Name, e.Platform, e.At, e.Ephemeral)),
            },
            DeviceRemoved e => next with { Devices = state.Devices.RemoveAll(device => device.Id == e.Device) },
            UserBlocked e => next with { Blocked = state.Blocked.SetItem(e.Other, e.At) },
            UserUnblocked e => next with { Blocked = state.Blocked.Remove(e.Other) },
            ConversationSettingsChanged e => next with
            {
                Settings = e.Settings == ConversationSettings.None
                    ? state.Settings.Remove(e.Conversation)
                    : state.Settings.SetItem(e.Conversation, e.Settings),
            },
            UserErased e => NotRegistered with
            {
                Id = e.User,
                RegisteredAt = state.RegisteredAt,
                LastAt = e.At,
                ErasedAt = e.At,
            },
            _ => throw new InvalidOperationException($"Unknown event {@event.GetType().Name}."),
        };
    }

    private static DeviceAdded Added(AddDevice c, DateTimeOffset now) =>
        new(c.User, c.Device, c.Name, c.Platform, c.Ephemeral) { At = now };

    /// <summary>The named device if it exists, otherwise the one added first.</summary>
    private static DeviceId DeviceToRemove(User state, DeviceId? named) =>
        named is { } device && state.HasDevice(device) ? device : state.Devices[0].Id;
}
