using System.Net;
using ChatCqrs.Application;
using ChatCqrs.Domain;
using ChatCqrs.WebApi.RateLimits;
using Microsoft.Extensions.Options;

namespace ChatCqrs.WebApi.Tests.RateLimits;

public sealed class TokenBucketsTests
{
    private static readonly UserId Ann = new(Guid.CreateVersion7());
    private static readonly UserId Ben = new(Guid.CreateVersion7());
    private readonly ManualClock _clock = new();

    [Fact]
    public void A_bucket_holds_its_burst_and_refills_by_the_second()
    {
        var buckets = Buckets(burst: 3, perSecond: 2);
        Assert.Equal(3, Take(buckets, Ann, 5));

        _clock.Advance(TimeSpan.FromSeconds(1));
        Assert.Equal(2, Take(buckets, Ann, 5));

        _clock.Advance(TimeSpan.FromHours(1));
        Assert.Equal(3, Take(buckets, Ann, 5));
    }

    [Fact]
    public void Nobody_takes_from_another() => Assert.Multiple(
        () => Assert.Equal(1, Take(Buckets(1, 1), Ann, 2)),
        () =>
        {
            var buckets = Buckets(1, 1);
            Take(buckets, Ann, 2);
            Assert.Equal(1, Take(buckets, Ben, 2));
        });

    [Fact]
    public void A_user_who_is_too_fast_gets_a_retry_time()
    {
        var buckets = Buckets(burst: 1, perSecond: 0.5);
        Take(buckets, Ann, 1);
        Assert.False(buckets.TryTake(Ann, out var wait));
        Assert.Equal(TimeSpan.FromSeconds(2), wait);

        _clock.Advance(wait);

        Assert.True(buckets.TryTake(Ann, out _));
    }

    [Fact]
    public async Task Those_who_take_at_the_same_time_get_no_more()
    {
        var buckets = Buckets(burst: 100, perSecond: 1);

        var taken = await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => Task.Run(() => Take(buckets, Ann, 50))));

        Assert.Equal(100, taken.Sum());
    }

    [Fact]
    public void Frames_are_not_counted_where_limits_are_off()
    {
        var rate = new MessageRate(
            Options.Create(new RateLimitOptions { Enabled = false, Frames = new() { Burst = 1, PerSecond = 1 } }),
            _clock);

        Assert.All(Enumerable.Range(0, 10), _ => Assert.True(rate.TryTake(Ann, out var _)));
    }

    [Fact]
    public void An_IPv6_customer_is_one_address_and_an_IPv4_one_is_the_same_in_both_forms()
    {
        Assert.Equal(
            ClientAddress.Of(IPAddress.Parse("2001:db8:1:2::1")),
            ClientAddress.Of(IPAddress.Parse("2001:db8:1:ff:ffff::9")));
        Assert.NotEqual(
            ClientAddress.Of(IPAddress.Parse("2001:db8:1:2::1")),
            ClientAddress.Of(IPAddress.Parse("2001:db8:1:102::1")));
        Assert.Equal(
            ClientAddress.Of(IPAddress.Parse("192.0.2.1")), ClientAddress.Of(IPAddress.Parse("::ffff:192.0.2.1")));
        Assert.NotEqual(ClientAddress.Of(IPAddress.Parse("192.0.2.1")), ClientAddress.Of(IPAddress.Parse("192.0.2.2")));
    }

    private TokenBuckets<UserId> Buckets(int burst, double perSecond) =>
        new(new() { Burst = burst, PerSecond = perSecond }, _clock);

    private static int Take(TokenBuckets<UserId> buckets, UserId user, int times) =>
        Enumerable.Range(0, times).Count(_ => buckets.TryTake(user, out var _));
}
