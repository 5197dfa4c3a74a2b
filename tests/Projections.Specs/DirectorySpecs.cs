using ChatCqrs.Domain;
using ChatCqrs.Domain.Users;
using ChatCqrs.Projections.Directory;
using static ChatCqrs.Projections.Specs.Story;

namespace ChatCqrs.Projections.Specs;

/// <summary>The view of accounts.</summary>
public sealed class DirectorySpecs
{
    private static readonly SealedContent First = new(null, new byte[] { 1 }), Second = new(null, new byte[] { 2 });

    [Fact]
    public void An_account_has_its_last_profile_and_its_devices()
    {
        var view = new Story().Of(
            Ann, at => new UserEvent.UserRegistered(Ann, First) { At = at },
            at => new UserEvent.DeviceAdded(Ann, Phone, "Phone", "android") { At = at },
            at => new UserEvent.DeviceAdded(Ann, Laptop, "Laptop", "web") { At = at },
            at => new UserEvent.ProfileChanged(Ann, Second) { At = at },
            at => new UserEvent.DeviceRemoved(Ann, Phone) { At = at }).Then<UserId, UserView, UsersProjection>()[Ann]!;

        Assert.Equal((Ann.ToString(), At(0)), (view.Id, view.RegisteredAt));
        Assert.Equal(Second.Bytes.ToArray(), view.Profile);
        Assert.Equal([Laptop.Value], view.Devices.ToArray());
    }

    [Fact]
    public void An_account_names_its_ephemeral_devices()
    {
        var story = new Story().Of(
            Ann, at => new UserEvent.UserRegistered(Ann, First) { At = at },
            at => new UserEvent.DeviceAdded(Ann, Phone, "Phone", "android") { At = at },
            at => new UserEvent.DeviceAdded(Ann, Laptop, "Browser", "web", Ephemeral: true) { At = at });

        var view = story.Then<UserId, UserView, UsersProjection>()[Ann]!;
        Assert.Equal([Phone.Value, Laptop.Value], view.Devices.ToArray());
        Assert.Equal([Laptop.Value], view.Ephemeral.ToArray());

        story.Of(Ann, at => new UserEvent.DeviceRemoved(Ann, Laptop) { At = at });
        Assert.Empty(story.Then<UserId, UserView, UsersProjection>()[Ann]!.Ephemeral);
    }

    [Fact]
    public void Blocks_settings_and_conversations_change_no_account() => Assert.Empty(
        new Story().In(Group, Started(Ann, Ben)).Of(
            Ann, at => new UserEvent.UserBlocked(Ann, Ben) { At = at },
            at => new UserEvent.ConversationSettingsChanged(Ann, Group, ConversationSettings.None) { At = at })
            .Then<UserId, UserView, UsersProjection>());
}
