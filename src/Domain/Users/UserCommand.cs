namespace ChatCqrs.Domain.Users;

/// <summary>A request to change an account.</summary>
public abstract record UserCommand
{
    private UserCommand()
    {
    }

    /// <summary>Sign a device in. The caller has verified that its owner has the phone.</summary>
    /// <param name="RegisterWith">The profile of a new account.</param>
    /// <param name="InPlaceOf">
    /// The device to remove if the account has <see cref="User.DevicesMax"/>; null for the oldest.
    /// </param>
    /// <param name="Ephemeral">See <see cref="Device"/>.</param>
    public sealed record AddDevice(
        UserId User, DeviceId Device, string Name, string Platform,
        SealedContent RegisterWith, DeviceId? InPlaceOf, bool Ephemeral = false) : UserCommand;

    /// <summary>Replace the profile.</summary>
    /// <param name="Avatar">
    /// The file that it names as the avatar; null for none. The caller has checked that it is an image of the user.
    /// </param>
    public sealed record ChangeProfile(SealedContent Profile, FileId? Avatar = null) : UserCommand;

    /// <summary>Remove a device.</summary>
    public sealed record RemoveDevice(DeviceId Device) : UserCommand;

    /// <summary>Block a user: accept no more direct messages from them.</summary>
    public sealed record Block(UserId Other) : UserCommand;

    /// <summary>Unblock a user.</summary>
    public sealed record Unblock(UserId Other) : UserCommand;

    /// <summary>Change the user's settings of a conversation.</summary>
    /// <param name="Conversation">The caller has checked that the user belongs to it.</param>
    public sealed record ChangeSettings(ConversationId Conversation, ConversationSettings Settings) : UserCommand;

    /// <summary>Erase the account.</summary>
    public sealed record Erase : UserCommand;
}
