using ChatCqrs.Domain;
using ChatCqrs.Domain.Users;

namespace ChatCqrs.Application.Users;

/// <summary>A change of an account, as other devices and people show it.</summary>
public abstract record AccountChange
{
    private AccountChange()
    {
    }

    /// <summary>Where the log has it.</summary>
    public required LogPosition Position { get; init; }

    /// <param name="Settings">All of the user's settings of the conversation.</param>
    public sealed record OfSettings(ConversationId Conversation, ConversationSettings Settings) : AccountChange;

    /// <param name="User">Who is blocked, or is no more.</param>
    public sealed record OfBlock(UserId User, bool Blocked) : AccountChange;

    /// <param name="Added">False for a removed device.</param>
    public sealed record OfDevice(ListDevices.Item Device, bool Added) : AccountChange;

    /// <param name="Profile">Null where the account was erased.</param>
    public sealed record OfProfile(UserId User, Profile? Profile) : AccountChange;
}
