using ChatCqrs.Application.Users;

namespace ChatCqrs.Application.Specs.Users;

/// <summary>Who waits for a link is woken, and leaves nothing behind.</summary>
public sealed class LinkWaitsSpecs
{
    private readonly LinkWaits _waits = new();
    private readonly Guid _link = Guid.NewGuid();

    [Fact]
    public void Those_who_wait_for_a_link_are_woken_and_nobody_else()
    {
        using var one = _waits.Listen(_link);
        using var another = _waits.Listen(_link);
        using var elsewhere = _waits.Listen(Guid.NewGuid());
        var (news, same, other) = (one.News, another.News, elsewhere.News);

        _waits.Tell(_link);

        Assert.True(news.IsCompletedSuccessfully && same.IsCompletedSuccessfully);
        Assert.False(other.IsCompleted);
        Assert.False(one.News.IsCompleted); // The next news.
    }

    [Fact]
    public void All_are_woken_where_news_may_have_been_missed()
    {
        using var one = _waits.Listen(_link);
        using var elsewhere = _waits.Listen(Guid.NewGuid());
        Task[] news = [one.News, elsewhere.News];

        _waits.TellAll();

        Assert.All(news, each => Assert.True(each.IsCompletedSuccessfully));
    }

    [Fact]
    public void The_last_one_to_leave_takes_the_link_along()
    {
        var one = _waits.Listen(_link);
        var another = _waits.Listen(_link);

        one.Dispose();
        Assert.Equal(1, _waits.Count);
        another.Dispose();

        Assert.Equal(0, _waits.Count);
        _waits.Tell(_link);
    }

    [Fact]
    public async Task However_many_come_and_go_at_once_none_misses_the_news()
    {
        for (var round = 0; round < 200; round++)
        {
            var comings = Enumerable.Range(0, 4).Select(_ => Task.Run(() => _waits.Listen(_link).Dispose())).ToArray();
            using var listening = _waits.Listen(_link);
            var news = listening.News;
            await Task.WhenAll(comings);

            _waits.Tell(_link);

            Assert.True(news.IsCompletedSuccessfully);
        }

        Assert.Equal(0, _waits.Count);
    }
}
