using System.Security.Cryptography;
using ChatCqrs.Domain;
using ChatCqrs.Infrastructure.Postgres;
using ChatCqrs.Infrastructure.Sealing;
using ChatCqrs.Testing;
using Npgsql;

namespace ChatCqrs.Infrastructure.Tests.Sealing;

public sealed class SecretsTests(SealingDatabase database) : IClassFixture<SealingDatabase>
{
    private static readonly CancellationToken None = CancellationToken.None;

    /// <summary>Records the commit mode of each transaction that writes a secret.</summary>
    private const string NoteCommits =
        """
        CREATE TABLE IF NOT EXISTS noted_commits (name text, setting text);
        CREATE OR REPLACE FUNCTION note_commit() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN INSERT INTO noted_commits VALUES (NEW.name, current_setting('synchronous_commit')); RETURN NULL; END $$;
        DROP TRIGGER IF EXISTS note_commit ON chat.secrets;
        CREATE CONSTRAINT TRIGGER note_commit AFTER INSERT OR UPDATE ON chat.secrets
        DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION note_commit();
        """;

    [Fact]
    public async Task A_secret_is_made_once_and_stays_the_same()
    {
        var name = Name();
        var made = (await database.Secrets().GetOrCreateAsync([name], None))[name];

        Assert.Equal(32, made.Length);
        Assert.Equal(made, (await database.Secrets().FindAsync([name, Name()], None))[name]);
        Assert.Equal(made, (await database.Secrets().GetOrCreateAsync([name, Name()], None))[name]);
    }

    [Fact]
    public async Task Nodes_that_make_secrets_at_once_end_with_the_same_ones()
    {
        string[] names = [.. Enumerable.Range(0, 10).Select(_ => Name())];
        var made = await Task.WhenAll(Enumerable.Range(0, 6).Select(node =>
            Task.Run(() => database.Secrets().GetOrCreateAsync(node % 2 == 0 ? names : [.. names.Reverse()], None))));

        Assert.All(made, secrets => Assert.All(names, name => Assert.Equal(made[0][name], secrets[name])));
    }

    [Fact]
    public async Task A_shredded_secret_is_gone_and_never_comes_back()
    {
        var (used, unused) = (Name(), Name());
        await database.Secrets().GetOrCreateAsync([used], None);
        foreach (var name in new[] { used, unused })
        {
            await database.Secrets().ShredAsync(name, None);
            await database.Secrets().ShredAsync(name, None);

            Assert.Empty(await database.Secrets().FindAsync([name], None));
            await Assert.ThrowsAsync<RefusedException>(() => database.Secrets().GetOrCreateAsync([name], None));
            Assert.True(await IsShreddedAsync(name));
        }
    }

    [Fact]
    public async Task Nodes_are_told_which_secret_was_shredded()
    {
        var name = Name();
        List<string> told = [];
        await using var listening = await database.Source.OpenConnectionAsync();
        listening.Notification += (_, notification) => told.Add(notification.Payload);
        await using (var listen = new NpgsqlCommand($"LISTEN {Secrets.Channel}", listening))
            await listen.ExecuteNonQueryAsync();

        await database.Secrets().ShredAsync(name, None);

        Assert.True(await listening.WaitAsync(Eventually.Deadline, None));
        Assert.Equal([name], told);
    }

    [Theory]
    [InlineData("off", "on")]
    [InlineData("remote_apply", "remote_apply")]
    public async Task Secrets_are_made_and_shredded_durably_whatever_the_database_is_set_to(string set, string used)
    {
        var connection = new NpgsqlConnectionStringBuilder(database.ConnectionString)
        {
            SearchPath = PostgresRegistration.Schema,
            Options = $"-c synchronous_commit={set}",
        };
        await using var source = NpgsqlDataSource.Create(connection);
        await using (var note = source.CreateCommand(NoteCommits))
            await note.ExecuteNonQueryAsync();
        var name = Name();

        await SealingDatabase.Secrets(source).GetOrCreateAsync([name], None);
        await SealingDatabase.Secrets(source).ShredAsync(name, None);

        await using var noted = source.CreateCommand("SELECT array_agg(setting) FROM noted_commits WHERE name = $1");
        noted.Parameters.Add(new() { Value = name });
        Assert.Equal([used, used], (string[])(await noted.ExecuteScalarAsync())!);
    }

    [Fact]
    public async Task After_a_rotation_the_old_master_key_is_not_needed_and_what_was_shredded_stays_so()
    {
        var (kept, shredded) = (Name(), Name());
        var secrets = await database.Secrets().GetOrCreateAsync([kept, shredded], None);
        await database.Secrets().ShredAsync(shredded, None);

        var rotating = database.Secrets("second", "first", "second");
        Assert.Equal(secrets[kept], (await rotating.FindAsync([kept], None))[kept]);
        Assert.True(await rotating.RewrapAsync(None) >= 1);
        Assert.Equal(0, await rotating.RewrapAsync(None));

        Assert.Equal(secrets[kept], (await database.Secrets("second", "second").FindAsync([kept], None))[kept]);
        await Assert.ThrowsAsync<InvalidOperationException>(() => database.Secrets().FindAsync([kept], None));
        Assert.True(await IsShreddedAsync(shredded));
        await database.Secrets("first", "first", "second").RewrapAsync(None); // Other tests use the first key.
    }

    [Fact]
    public async Task A_wrapped_secret_is_of_no_use_under_another_name_or_key()
    {
        var (one, two) = (Name(), Name());
        await database.Secrets().GetOrCreateAsync([one, two], None);
        await using (var command = database.Source.CreateCommand(
            "UPDATE chat.secrets SET wrapped = (SELECT wrapped FROM chat.secrets WHERE name = $1) WHERE name = $2"))
        {
            command.Parameters.Add(new() { Value = one });
            command.Parameters.Add(new() { Value = two });
            await command.ExecuteNonQueryAsync();
        }

        await Assert.ThrowsAnyAsync<CryptographicException>(() => database.Secrets().FindAsync([two], None));
        await database.Secrets().ShredAsync(two, None);
    }

    [Fact]
    public async Task What_is_stored_is_not_the_secret()
    {
        var name = Name();
        var secret = (await database.Secrets().GetOrCreateAsync([name], None))[name];
        await using var command = database.Source.CreateCommand("SELECT wrapped FROM chat.secrets WHERE name = $1");
        command.Parameters.Add(new() { Value = name });

        Assert.Equal(-1, ((byte[])(await command.ExecuteScalarAsync())!).AsSpan().IndexOf(secret.AsSpan(0, 8)));
    }

    private static string Name() => $"user:{Guid.NewGuid()}";

    private async Task<bool> IsShreddedAsync(string name)
    {
        await using var command = database.Source.CreateCommand(
            "SELECT wrapped IS NULL AND key_id = '' FROM chat.secrets WHERE name = $1");
        command.Parameters.Add(new() { Value = name });
        return (bool)(await command.ExecuteScalarAsync())!;
    }
}
