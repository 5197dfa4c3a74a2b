namespace ChatCqrs.Domain.Users;

/// <summary>What is wanted of an account.</summary>
public abstract record UserCommand
{
    private UserCommand()
    {
    }

    /// <summary>Sign a device in, after its owner has proved to have the phone.</summary>
    /// <param name="RegisterWith">The profile of the account if it does not exist yet.</param>
    /// <param name="InPlaceOf">The device that makes way if the account has as many as it may have.</param>
    public sealed record AddDevice(
        UserId User, DeviceId Device, string Name, string Platform, SealedContent RegisterWith, DeviceId? InPlaceOf) : UserCommand;

    /// <summary>Replace the profile.</summary>
    public sealed record ChangeProfile(SealedContent Profile) : UserCommand;

    /// <summary>Take a device out.</summary>
    public sealed record RemoveDevice(DeviceId Device) : UserCommand;

    /// <summary>Take no more direct messages from a user.</summary>
    public sealed record Block(UserId Other) : UserCommand;

    /// <summary>Take them again.</summary>
    public sealed record Unblock(UserId Other) : UserCommand;

    /// <summary>Keep a conversation as the user likes it.</summary>
    /// <param name="Conversation">One of theirs; that has been checked against the conversation.</param>
    public sealed record ChangeSettings(ConversationId Conversation, ConversationSettings Settings) : UserCommand;

    /// <summary>Forget the user.</summary>
    public sealed record Erase : UserCommand;
}
