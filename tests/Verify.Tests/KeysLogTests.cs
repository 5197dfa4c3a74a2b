using System.Security.Cryptography;
using System.Text;

namespace ChatCqrs.Verify.Tests;

/// <summary>A log of devices' keys: each user's lists follow one another.</summary>
public sealed class KeysLogTests
{
    private static readonly string None = Convert.ToBase64String(new byte[32]);

    [Fact]
    public async Task Lists_that_follow_one_another_are_good()
    {
        var outcome = await LogOf(Lists(700, 40)).VerifyAsync();

        outcome.IsGood();
        Assert.Contains("700 lists of devices of 40 users", outcome.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task All_lists_are_checked_again_after_an_earlier_checkpoint()
    {
        var lists = Lists(600, 3);
        var since = Path.GetTempFileName();
        await File.WriteAllTextAsync(since, LogOf(lists[..500]).Checkpoint, new UTF8Encoding(false));

        (await LogOf(lists).VerifyAsync("--since", since)).IsGood();
        string[] forked = [.. lists, lists[^1].Replace(Hash("statement 599"), Hash("other"), StringComparison.Ordinal)];
        (await LogOf(forked).VerifyAsync("--since", since)).Failed("log", "does not follow version 199");
    }

    [Fact]
    public async Task A_list_that_follows_another_one_than_the_last_is_found()
    {
        var lists = Lists(9, 3);
        var left = lists[..4].Concat(lists[5..]).ToArray();
        (await LogOf(left).VerifyAsync()).Failed("log", "version 2 of a list does not follow version 0");

        var leaf = Convert.ToBase64String(Tree.Leaf(Encoding.UTF8.GetBytes(lists[1])));
        lists[7] = ListOf(1, 2, 7, leaf); // Names the list before the last one.
        (await LogOf(lists[..8]).VerifyAsync()).Failed("log", "version 2 of a list does not follow version 1");
    }

    [Theory]
    [InlineData(1, "")]
    [InlineData(0, "something")]
    public async Task A_first_list_that_is_not_the_first_is_found(long version, string previous) =>
        (await LogOf([ListOf(0, version, 0, previous.Length == 0 ? None : Hash(previous))]).VerifyAsync())
            .Failed("log", $"version {version} of a list is the first one of its user");

    [Theory]
    [InlineData("/v1\n", "/v1\nmore\n")]
    [InlineData("\n0\n", "\n00\n")]
    [InlineData("=\n", "\n")]
    public async Task A_malformed_list_is_found(string from, string to) =>
        Assert.Equal(1, (await LogOf(
            [ListOf(0, 0, 0, None).Replace(from, to, StringComparison.Ordinal)]).VerifyAsync()).Code);

    private static MadeLog LogOf(IReadOnlyList<string> lists) =>
        new(MadeLog.KeysOrigin, [MadeLog.Genesis(MadeLog.KeysOrigin), .. lists]);

    /// <summary>Lists of some users in turn.</summary>
    private static string[] Lists(int count, int users)
    {
        var lists = new string[count];
        for (var i = 0; i < count; i++)
        {
            var previous = i < users
                ? None
                : Convert.ToBase64String(Tree.Leaf(Encoding.UTF8.GetBytes(lists[i - users])));
            lists[i] = ListOf(i % users, i / users, i, previous);
        }

        return lists;
    }

    private static string ListOf(int user, long version, int statement, string previous) =>
        $"chatcqrs/device-list/v1\n{Hash($"user {user}")}\n{version}\n{Hash($"statement {statement}")}\n{previous}\n";

    private static string Hash(string text) => Convert.ToBase64String(SHA256.HashData(Encoding.UTF8.GetBytes(text)));
}
