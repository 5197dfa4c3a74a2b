namespace ChatCqrs.Application.Specs;

public sealed class RecentlyUsedSpecs
{
    [Fact]
    public void A_kept_entry_is_found()
    {
        var recent = new RecentlyUsed<int, string>(10);
        recent.Set(1, "one");

        Assert.True(recent.TryGet(1, out var value));
        Assert.Equal("one", value);
        Assert.False(recent.TryGet(2, out _));
    }

    [Fact]
    public void No_more_is_kept_than_may_be()
    {
        var recent = new RecentlyUsed<int, int>(100);
        for (var i = 0; i < 10_000; i++)
        {
            recent.Set(i, i);
            Assert.True(recent.Count <= 100);
        }
    }

    [Fact]
    public void Recently_used_entries_stay_and_others_are_dropped()
    {
        var recent = new RecentlyUsed<int, int>(100);
        recent.Set(-1, -1);
        for (var i = 0; i < 10_000; i++)
        {
            recent.Set(i, i);
            Assert.True(recent.TryGet(-1, out _));
        }

        Assert.False(recent.TryGet(0, out _));
    }
}
