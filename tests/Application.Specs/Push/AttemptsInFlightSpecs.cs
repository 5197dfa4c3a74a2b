using ChatCqrs.Application.Push;
using ChatCqrs.Domain;

namespace ChatCqrs.Application.Specs.Push;

/// <summary>Attempts in flight are bounded by subscription, user and host.</summary>
public sealed class AttemptsInFlightSpecs
{
    private readonly AttemptsInFlight _attempts = new();
    private readonly UserId _eve = new(Guid.NewGuid());

    [Fact]
    public void A_subscription_has_one()
    {
        var subscription = Guid.NewGuid();
        var place = _attempts.TryEnter(subscription, _eve, "push.example");

        Assert.NotNull(place);
        Assert.Null(_attempts.TryEnter(subscription, _eve, "push.example"));
        place.Dispose();
        Assert.NotNull(_attempts.TryEnter(subscription, _eve, "push.example"));
    }

    [Fact]
    public void A_user_with_many_hosts_leaves_room_to_others()
    {
        for (var i = 0; i < AttemptsInFlight.UserMax; i++)
            Assert.NotNull(_attempts.TryEnter(Guid.NewGuid(), _eve, $"{i}.example"));

        Assert.Null(_attempts.TryEnter(Guid.NewGuid(), _eve, "more.example"));
        Assert.NotNull(_attempts.TryEnter(Guid.NewGuid(), new UserId(Guid.NewGuid()), "more.example"));
    }

    [Fact]
    public void A_host_with_many_users_leaves_room_to_others()
    {
        for (var i = 0; i < AttemptsInFlight.HostMax; i++)
            Assert.NotNull(_attempts.TryEnter(Guid.NewGuid(), new UserId(Guid.NewGuid()), "slow.example"));

        Assert.Null(_attempts.TryEnter(Guid.NewGuid(), _eve, "slow.example"));
        Assert.NotNull(_attempts.TryEnter(Guid.NewGuid(), _eve, "fast.example"));
    }
}
