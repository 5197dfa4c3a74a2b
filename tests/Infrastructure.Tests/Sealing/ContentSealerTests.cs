using System.Security.Cryptography;
using System.Text;
using ChatCqrs.Application.Ports;
using ChatCqrs.Domain;
using ChatCqrs.Infrastructure.Sealing;

namespace ChatCqrs.Infrastructure.Tests.Sealing;

public sealed class ContentSealerTests(SealingDatabase database) : IClassFixture<SealingDatabase>
{
    private const string Text = "See you at the harbour at nine.";

    private static readonly CancellationToken None = CancellationToken.None;

    private readonly ManualClock _clock = new();

    [Fact]
    public async Task What_one_node_seals_another_opens()
    {
        using var one = database.Sealer();
        using var other = database.Sealer();
        var scope = Scope(DateTimeOffset.UtcNow.AddDays(30));

        Assert.Equal(Text, await OpenAsync(other, scope, await SealAsync(one, scope)));
        Assert.Equal(Text, await OpenAsync(other, ProfileScope(), await SealAsync(one, ProfileScope(), Text)));
    }

    [Fact]
    public async Task The_same_content_never_looks_the_same_twice_and_never_shows()
    {
        using var sealer = database.Sealer();
        var scope = Scope(null);
        var (one, two) = (await SealAsync(sealer, scope), await SealAsync(sealer, scope));

        Assert.NotEqual(one.Bytes.ToArray(), two.Bytes.ToArray());
        Assert.DoesNotContain("harbour", Encoding.UTF8.GetString(one.Bytes.Span), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Content_opens_only_where_it_belongs_and_as_it_was()
    {
        using var sealer = database.Sealer();
        var scope = Scope(DateTimeOffset.UtcNow.AddDays(30));
        var content = await SealAsync(sealer, scope);
        foreach (var other in new[] { Scope(null), scope }) // Creates the secrets of both.
            await SealAsync(sealer, other with { ExpiresAt = DateTimeOffset.UtcNow.AddDays(30) });

        await AssertClosedAsync(sealer, scope with { Message = new MessageId(Guid.NewGuid()) }, content);
        await AssertClosedAsync(sealer, scope with { Message = null }, content);
        for (var at = 0; at < content.Bytes.Length; at += 7)
        {
            var bytes = content.Bytes.ToArray();
            bytes[at] ^= 1;
            await AssertClosedAsync(sealer, scope, content with { Bytes = bytes });
        }

        await AssertClosedAsync(sealer, scope, content with { Bytes = new byte[5] });
    }

    [Fact]
    public async Task Another_owner_conversation_or_bucket_is_another_key()
    {
        using var sealer = database.Sealer();
        var expiry = DateTimeOffset.UtcNow.AddDays(30);
        var (scope, other) = (Scope(expiry), Scope(expiry));
        var content = await SealAsync(sealer, scope);
        await SealAsync(sealer, other);
        await SealAsync(sealer, other with { Owner = scope.Owner });
        var later = await SealAsync(sealer, scope with { ExpiresAt = expiry.AddDays(1) });

        await AssertClosedAsync(sealer, scope with { Owner = other.Owner }, content);
        await AssertClosedAsync(sealer, scope with { Conversation = other.Conversation }, content);
        await AssertClosedAsync(sealer, scope, content with { Bucket = later.Bucket });
        await AssertClosedAsync(sealer, scope, content with { Bucket = null });
    }

    [Fact]
    public async Task What_many_nodes_seal_first_at_once_all_of_them_open()
    {
        ContentSealer[] nodes = [.. Enumerable.Range(0, 8).Select(_ => database.Sealer())];
        var scope = Scope(DateTimeOffset.UtcNow.AddDays(400));
        var contents = await Task.WhenAll(nodes.SelectMany(
            node => Enumerable.Range(0, 4).Select(_ => Task.Run(() => SealAsync(node, scope)))));

        foreach (var node in nodes)
        {
            foreach (var content in contents)
                Assert.Equal(Text, await OpenAsync(node, scope, content));
            node.Dispose();
        }
    }

    [Theory]
    [InlineData("bucket")]
    [InlineData("owner")]
    [InlineData("conversation")]
    public async Task Without_any_one_of_its_secrets_content_is_gone_on_every_node_within_a_minute(string which)
    {
        using var sealer = database.Sealer(_clock);
        using var other = database.Sealer(_clock);
        var scope = Scope(_clock.GetUtcNow().AddDays(which == "bucket" ? 77 : 30));
        var content = await SealAsync(sealer, scope);
        Assert.Equal(Text, await OpenAsync(other, scope, content));

        await database.Secrets().ShredAsync(which switch
        {
            "bucket" => SecretName.OfBucket(content.Bucket!),
            "owner" => SecretName.Of(scope.Owner),
            _ => SecretName.Of(scope.Conversation!.Value),
        }, None);
        _clock.GoOn(ContentSealer.KeyLifetime);

        Assert.Null(await OpenAsync(sealer, scope, content));
        Assert.Null(await OpenAsync(other, scope, content));
        await other.PrepareAsync([(scope, content)], None);
        Assert.Null(await OpenAsync(other, scope, content));
        await Assert.ThrowsAsync<RefusedException>(() => SealAsync(sealer, scope));
    }

    [Fact]
    public async Task A_person_who_is_erased_is_unreadable_at_once_where_it_is_heard_of_and_never_gets_a_secret_again()
    {
        using var here = database.Sealer();
        using var there = database.Sealer();
        var (scope, others) = (Scope(DateTimeOffset.UtcNow.AddDays(30)), Scope(DateTimeOffset.UtcNow.AddDays(30)));
        var (content, kept) = (await SealAsync(here, scope), await SealAsync(here, others));
        Assert.Equal(Text, await OpenAsync(there, scope, content));

        await here.ShredAsync(scope.Owner, None);
        await here.ShredAsync(scope.Owner, None);
        there.Forget(SecretName.Of(scope.Owner));

        foreach (var node in new[] { here, there })
        {
            Assert.Null(await OpenAsync(node, scope, content));
            Assert.Equal(Text, await OpenAsync(node, others, kept));
            await AssertErasedAsync(() => SealAsync(node, scope));
            await AssertErasedAsync(async () => await node.FingerprintAsync(scope.Owner, Bytes(Text), None));
        }
    }

    [Fact]
    public async Task A_person_who_never_wrote_gets_no_secret_after_the_erasure()
    {
        using var sealer = database.Sealer();
        var scope = Scope(DateTimeOffset.UtcNow.AddDays(30));

        await sealer.ShredAsync(scope.Owner, None);

        await AssertErasedAsync(() => SealAsync(sealer, scope));
    }

    [Fact]
    public async Task What_is_in_a_bucket_that_has_ended_opens_nowhere_any_more()
    {
        using var here = database.Sealer();
        using var later = database.Sealer();
        // Before all other content in this database.
        var end = new DateTimeOffset(2020, 1, 1, 0, 0, 6, TimeSpan.Zero);
        var (ending, staying) = (Scope(end.AddTicks(-1)), Scope(end));
        var (gone, kept) = (await SealAsync(here, ending), await SealAsync(here, staying));

        Assert.Equal(0, await here.ShredEndedAsync(end.AddTicks(-1), 10, None));
        Assert.Equal(Text, await OpenAsync(here, ending, gone));
        Assert.Equal(1, await here.ShredEndedAsync(end, 10, None));
        Assert.Equal(0, await here.ShredEndedAsync(end, 10, None));

        foreach (var node in new[] { here, later })
        {
            Assert.Null(await OpenAsync(node, ending, gone));
            Assert.Equal(Text, await OpenAsync(node, staying, kept));
        }

        await AssertErasedAsync(() => SealAsync(later, ending));
    }

    [Fact]
    public void A_key_that_was_derived_while_secrets_were_shredded_is_not_remembered()
    {
        using var keys = new KeyCache(ContentSealer.KeyLifetime, TimeProvider.System);
        var id = new KeyId(null, new UserId(Guid.NewGuid()), null);
        var names = id.SecretNames();
        var key = DerivedKey.From(names, names.ToDictionary(name => name, _ => new byte[32]));
        var before = keys.Generation;
        keys.Forget(names[0]);

        keys.Add(id, key, before);
        Assert.Null(keys.Find(id));

        keys.Add(id, key, keys.Generation);
        Assert.NotNull(keys.Find(id));
        keys.ForgetAll();
        Assert.Null(keys.Find(id));
    }

    [Fact]
    public async Task A_page_that_was_prepared_opens_without_asking_the_database()
    {
        using var writer = database.Sealer();
        var page = new List<(SealScope Scope, SealedContent Content)>();
        for (var n = 0; n < 20; n++)
        {
            var scope = Scope(DateTimeOffset.UtcNow.AddDays(30 + n));
            page.Add((scope, await SealAsync(writer, scope)));
        }

        using var reader = database.Sealer();
        await reader.PrepareAsync(page, None);

        foreach (var (scope, content) in page)
        {
            var opening = reader.OpenAsync(scope, content, None);
            Assert.True(opening.IsCompletedSuccessfully);
            Assert.Equal(Text, Encoding.UTF8.GetString((await opening)!.Value.Span));
        }
    }

    [Fact]
    public async Task A_fingerprint_is_the_same_for_the_same_content_of_one_owner_on_every_node_and_for_nothing_else()
    {
        using var one = database.Sealer();
        using var other = database.Sealer();
        var (alice, bob) = (new UserId(Guid.NewGuid()), new UserId(Guid.NewGuid()));
        var fingerprint = await one.FingerprintAsync(alice, Bytes(Text), None);

        Assert.Equal(fingerprint, await other.FingerprintAsync(alice, Bytes(Text), None));
        Assert.NotEqual(fingerprint, await other.FingerprintAsync(alice, Bytes(Text + "."), None));
        Assert.NotEqual(fingerprint, await other.FingerprintAsync(bob, Bytes(Text), None));
    }

    [Fact]
    public async Task One_key_may_be_used_by_many_at_once()
    {
        using var sealer = database.Sealer();
        var scope = Scope(null);
        await SealAsync(sealer, scope);

        await Parallel.ForEachAsync(Enumerable.Range(0, 2_000), async (n, _) =>
        {
            var content = await SealAsync(sealer, scope, $"{Text} {n}");
            Assert.Equal($"{Text} {n}", await OpenAsync(sealer, scope, content));
        });
    }

    [Fact]
    public void No_nonce_is_drawn_twice_by_any_thread()
    {
        var nonces = new System.Collections.Concurrent.ConcurrentBag<string>();
        Parallel.For(0, 20_000, _ =>
        {
            Span<byte> nonce = stackalloc byte[12];
            Nonces.Fill(nonce);
            nonces.Add(Convert.ToHexString(nonce));
        });

        Assert.Equal(20_000, nonces.Distinct().Count());
    }

    [Fact]
    public async Task While_a_key_is_known_nothing_waits()
    {
        using var sealer = database.Sealer();
        var scope = Scope(null);
        var content = await SealAsync(sealer, scope);

        Assert.True(sealer.SealAsync(scope, Bytes(Text), None).IsCompletedSuccessfully);
        Assert.True(sealer.OpenAsync(scope, content, None).IsCompletedSuccessfully);
    }

    [Theory]
    [InlineData("2026-12-31T12:00:00Z", "day-2026-12-31")]
    [InlineData("2026-12-31T23:59:59.999Z", "day-2026-12-31")]
    [InlineData("2027-01-01T00:00:00Z", "day-2027-01-01")]
    [InlineData("2027-01-01T00:30:00+02:00", "day-2026-12-31")]
    [InlineData("2026-12-03T12:00:00Z", "day-2026-12-03")]
    [InlineData("2026-12-03T11:59:59.999Z", "hour-2026-12-03T11")]
    [InlineData("2026-12-01T13:05:00Z", "hour-2026-12-01T13")]
    [InlineData("2026-12-01T12:30:00Z", "hour-2026-12-01T12")]
    [InlineData("2026-12-01T12:29:59.999Z", "minute-2026-12-01T12:29")]
    [InlineData("2026-12-01T12:05:00Z", "minute-2026-12-01T12:05")]
    [InlineData("2026-12-01T12:00:02.5Z", "second-2026-12-01T12:00:02")]
    public void A_bucket_is_the_day_of_expiry_or_something_shorter_if_little_time_is_left(
        string expiresAt, string bucket)
    {
        var expiry = DateTimeOffset.Parse(expiresAt, System.Globalization.CultureInfo.InvariantCulture);

        Assert.Equal(bucket, Bucket.Of(expiry, _clock.GetUtcNow()));
        Assert.True(Bucket.EndOf(bucket) > expiry);
        Assert.Equal(bucket, Bucket.Of(Bucket.EndOf(bucket).AddTicks(-1), _clock.GetUtcNow()));
    }

    private static SealScope Scope(DateTimeOffset? expiresAt) =>
        new(expiresAt, new UserId(Guid.NewGuid()), new ConversationId(Guid.NewGuid()), new MessageId(Guid.NewGuid()));

    private static SealScope ProfileScope() =>
        new(null, new UserId(Guid.Parse("0193b3a0-0000-7000-8000-00000000a11c")), null, null);

    private static byte[] Bytes(string text) => Encoding.UTF8.GetBytes(text);

    private static Task AssertClosedAsync(ContentSealer sealer, SealScope scope, SealedContent content) =>
        Assert.ThrowsAnyAsync<CryptographicException>(() => OpenAsync(sealer, scope, content));

    private static async Task AssertErasedAsync(Func<Task> call) =>
        Assert.Equal(Refusal.Erased, (await Assert.ThrowsAsync<RefusedException>(call)).Refusal);

    private static async Task<SealedContent> SealAsync(ContentSealer sealer, SealScope scope, string text = Text) =>
        await sealer.SealAsync(scope, Bytes(text), None);

    private static async Task<string?> OpenAsync(ContentSealer sealer, SealScope scope, SealedContent content) =>
        await sealer.OpenAsync(scope, content, None) is { } bytes ? Encoding.UTF8.GetString(bytes.Span) : null;
}
