using ChatCqrs.Domain.Users;
using FsCheck.Xunit;
using static ChatCqrs.Domain.Users.UserCommand;
using static ChatCqrs.Domain.Users.UserEvent;

namespace ChatCqrs.Domain.Specs;

public sealed class UserSpecs
{
    private static readonly DateTimeOffset Now = new(2026, 1, 2, 3, 4, 5, TimeSpan.Zero);
    private static readonly UserId Ann = new(new Guid("00000000-0000-7000-8000-00000000000a"));
    private static readonly DeviceId Phone = Device(1);
    private static readonly DeviceId Laptop = Device(2);
    private static readonly SealedContent Profile = new(null, new byte[] { 1 });
    private static readonly SealedContent Changed = new(null, new byte[] { 2 });

    private static readonly UserRegistered Registered = new(Ann, Profile) { At = Now };
    private static readonly DeviceAdded PhoneAdded = new(Ann, Phone, "Ann's phone", "android") { At = Now };
    private static readonly DeviceAdded LaptopAdded = new(Ann, Laptop, "Ann's laptop", "linux") { At = Now };

    [Fact]
    public void The_first_device_registers_the_account() =>
        Assert.Equal([Registered, PhoneAdded], When(Add(PhoneAdded)));

    [Fact]
    public void A_further_device_joins_the_account_and_leaves_its_profile() =>
        Assert.Equal([LaptopAdded], When(Add(LaptopAdded, profile: Changed), Registered, PhoneAdded));

    [Fact]
    public void Adding_a_device_again_changes_nothing() =>
        Assert.Empty(When(Add(PhoneAdded), Registered, PhoneAdded));

    [Fact]
    public void With_too_many_devices_the_named_one_makes_way()
    {
        var full = Full();

        Assert.Equal([new DeviceRemoved(Ann, Device(20)) { At = Now }, LaptopAdded with { Device = Device(900) }],
            When(Add(LaptopAdded with { Device = Device(900) }, inPlaceOf: Device(20)), full));
    }

    [Fact]
    public void With_too_many_devices_and_none_named_the_first_makes_way() =>
        Assert.Equal(new DeviceRemoved(Ann, Device(10)) { At = Now },
            When(Add(LaptopAdded with { Device = Device(900) }, inPlaceOf: Device(901)), Full())[0]);

    [Fact]
    public void A_profile_is_replaced() =>
        Assert.Equal([new ProfileChanged(Ann, Changed) { At = Now }], When(new ChangeProfile(Changed), Registered));

    [Fact]
    public void The_same_profile_changes_nothing() => Assert.Empty(When(new ChangeProfile(Profile), Registered));

    [Fact]
    public void A_device_is_removed() =>
        Assert.Equal(
            [new DeviceRemoved(Ann, Phone) { At = Now }], When(new RemoveDevice(Phone), Registered, PhoneAdded));

    [Fact]
    public void A_device_that_the_account_does_not_have_is_refused() =>
        Assert.Equal(Refusal.DeviceUnknown, Refused(new RemoveDevice(Laptop), Registered, PhoneAdded));

    [Fact]
    public void A_device_that_was_removed_is_unknown() => Assert.Equal(Refusal.DeviceUnknown,
        Refused(new RemoveDevice(Phone), Registered, PhoneAdded, new DeviceRemoved(Ann, Phone) { At = Now }));

    [Fact]
    public void Without_an_account_there_is_nothing_to_change()
    {
        Assert.Equal(Refusal.UserUnknown, Refused(new ChangeProfile(Changed)));
        Assert.Equal(Refusal.UserUnknown, Refused(new RemoveDevice(Phone)));
    }

    [Fact]
    public void A_user_is_blocked_once() =>
        Assert.Equal([BenBlocked], When(new Block(Ben), Registered));

    [Fact]
    public void Blocking_again_changes_nothing() => Assert.Empty(When(new Block(Ben), Registered, BenBlocked));

    [Fact]
    public void A_block_is_taken_back()
    {
        Assert.Equal([BenUnblocked], When(new Unblock(Ben), Registered, BenBlocked));
        Assert.Equal([BenBlocked], When(new Block(Ben), Registered, BenBlocked, BenUnblocked));
    }

    [Fact]
    public void Unblocking_a_user_who_is_not_blocked_changes_nothing() =>
        Assert.Empty(When(new Unblock(Ben), Registered));

    [Fact]
    public void Nobody_blocks_themselves() => Assert.Equal(Refusal.BlockOneself, Refused(new Block(Ann), Registered));

    [Fact]
    public void No_more_users_are_blocked_than_an_account_holds()
    {
        var blocks = Enumerable.Range(1, User.BlocksMax).Select(number => BenBlocked with { Other = SomeUser(number) });
        UserEvent[] full = [Registered, .. blocks];

        Assert.Equal(Refusal.TooManyBlocks, Refused(new Block(Ben), full));
        Assert.Empty(When(new Block(SomeUser(1)), full));
    }

    [Fact]
    public void Settings_of_a_conversation_are_kept_whole()
    {
        var pinned = new ConversationSettings(true, false, Now.AddDays(1));

        Assert.Equal([Settings(pinned)], When(new ChangeSettings(Conversation, pinned), Registered));
        Assert.Equal(pinned, State(Registered, Settings(pinned)).SettingsOf(Conversation));
    }

    [Fact]
    public void The_same_settings_change_nothing()
    {
        var pinned = new ConversationSettings(true, false, null);

        Assert.Empty(When(new ChangeSettings(Conversation, ConversationSettings.None), Registered));
        Assert.Empty(When(new ChangeSettings(Conversation, pinned), Registered, Settings(pinned)));
    }

    [Fact]
    public void Settings_that_are_as_at_first_take_no_room() =>
        Assert.Empty(State(Registered, Settings(new(true, true, Now)), Settings(ConversationSettings.None)).Settings);

    [Fact]
    public void An_account_is_erased_once_and_nothing_of_it_stays()
    {
        UserEvent[] given = [Registered, PhoneAdded, BenBlocked, Settings(new(true, true, null))];

        Assert.Equal([Erased], When(new Erase(), given));
        Assert.Empty(When(new Erase(), [.. given, Erased]));
        Assert.Equal(
            User.NotRegistered with { Id = Ann, RegisteredAt = Now, LastAt = Now, ErasedAt = Now },
            State([.. given, Erased]));
    }

    [Fact]
    public void Nothing_happens_to_an_account_that_is_erased()
    {
        Assert.Equal(Refusal.RegistrationBurnt, Refused(Add(PhoneAdded), Registered, Erased));
        UserCommand[] commands =
        [
            new ChangeProfile(Changed), new RemoveDevice(Phone), new Block(Ben), new Unblock(Ben),
            new ChangeSettings(Conversation, new ConversationSettings(true, false, null)),
        ];
        foreach (var command in commands)
            Assert.Equal(Refusal.UserUnknown, Refused(command, Registered, PhoneAdded, Erased));
    }

    [Fact]
    public void Without_its_history_an_account_is_erased_all_the_same()
    {
        Assert.Empty(When(new Erase(), Erased));
        Assert.Equal(Refusal.UserUnknown, Refused(new ChangeProfile(Changed), Erased));
        Assert.Equal(Refusal.UserUnknown, Refused(new Erase()));
    }

    [Fact]
    public void Time_never_runs_backwards()
    {
        var later = Now.AddHours(1);

        Assert.Equal(later, When(Add(LaptopAdded), Registered, PhoneAdded with { At = later })[0].At);
    }

    [Property]
    public bool Whatever_is_decided_leaves_an_account_within_its_bounds((byte Kind, byte Device)[] wishes)
    {
        var state = User.NotRegistered;
        foreach (var (kind, number) in wishes)
        {
            UserCommand command = (kind % 4) switch
            {
                0 => new RemoveDevice(Device(number)),
                1 => new ChangeProfile(new SealedContent(null, new[] { number })),
                _ => Add(PhoneAdded with { Device = Device(number) }),
            };
            try
            {
                state = User.Decide(state, command, Now).Aggregate(state, User.Evolve);
            }
            catch (RefusedException)
            {
                continue;
            }

            var distinct = state.Devices.Select(device => device.Id).Distinct().Count();
            if (state.Devices.Length > User.DevicesMax || distinct != state.Devices.Length
                || (command is AddDevice && User.Decide(state, command, Now).Count > 0))
                return false;
        }

        return true;
    }

    private static readonly UserId Ben = SomeUser(0);
    private static readonly ConversationId Conversation = new(new Guid("00000000-0000-8000-8000-0000000000c0"));
    private static readonly UserBlocked BenBlocked = new(Ann, Ben) { At = Now };
    private static readonly UserUnblocked BenUnblocked = new(Ann, Ben) { At = Now };

    private static readonly UserErased Erased = new(Ann) { At = Now };

    private static UserId SomeUser(int number) => new(new Guid($"00000000-0000-7000-9000-{number:x12}"));

    private static ConversationSettingsChanged Settings(ConversationSettings settings) =>
        new(Ann, Conversation, settings) { At = Now };

    private static User State(params UserEvent[] given) => given.Aggregate(User.NotRegistered, User.Evolve);

    private static DeviceId Device(int number) => new(new Guid($"00000000-0000-7000-8000-{number:x12}"));

    private static AddDevice Add(DeviceAdded device, SealedContent? profile = null, DeviceId? inPlaceOf = null) =>
        new(Ann, device.Device, device.Name, device.Platform, profile ?? Profile, inPlaceOf, device.Ephemeral);

    private static UserEvent[] Full() =>
        [
            Registered,
            .. Enumerable.Range(10, User.DevicesMax).Select(number => PhoneAdded with { Device = Device(number) }),
        ];

    private static IReadOnlyList<UserEvent> When(UserCommand command, params UserEvent[] given) =>
        User.Decide(given.Aggregate(User.NotRegistered, User.Evolve), command, Now);

    private static Refusal Refused(UserCommand command, params UserEvent[] given) =>
        Assert.Throws<RefusedException>(() => When(command, given)).Refusal;
}
