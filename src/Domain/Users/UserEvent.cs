namespace ChatCqrs.Domain.Users;

/// <summary>
/// A fact about an account. Personal data is sealed: shredding the account's secret erases it from the log.
/// </summary>
public abstract record UserEvent
{
    private UserEvent()
    {
    }

    /// <summary>Time of the decision, UTC, to the millisecond.</summary>
    public required DateTimeOffset At { get; init; }

    /// <summary>Always the first event. The profile holds phone, name, about and avatar.</summary>
    public sealed record UserRegistered(UserId User, SealedContent Profile) : UserEvent;

    /// <param name="Avatar">The file that the profile names as its avatar; null for none.</param>
    public sealed record ProfileChanged(UserId User, SealedContent Profile, FileId? Avatar = null) : UserEvent;

    /// <param name="Ephemeral">See <see cref="Device"/>; false in events from before there were such devices.</param>
    public sealed record DeviceAdded(
        UserId User, DeviceId Device, string Name, string Platform, bool Ephemeral = false) : UserEvent;

    public sealed record DeviceRemoved(UserId User, DeviceId Device) : UserEvent;

    public sealed record UserBlocked(UserId User, UserId Other) : UserEvent;

    public sealed record UserUnblocked(UserId User, UserId Other) : UserEvent;

    /// <summary>The user's complete new settings of a conversation.</summary>
    public sealed record ConversationSettingsChanged(
        UserId User, ConversationId Conversation, ConversationSettings Settings) : UserEvent;

    /// <summary>Always the last event. Truncation then removes all events before it.</summary>
    public sealed record UserErased(UserId User) : UserEvent;
}
