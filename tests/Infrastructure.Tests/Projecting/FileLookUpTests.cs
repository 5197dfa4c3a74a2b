using System.Text.Json;
using ChatCqrs.Application.Ports;
using ChatCqrs.Domain;
using ChatCqrs.Infrastructure.Media;
using Npgsql;

namespace ChatCqrs.Infrastructure.Tests.Projecting;

/// <summary>
/// Who may see a file is looked up in few pages of the database, though a file was sent very often, or to very many
/// conversations, or the asking user is in very many.
/// </summary>
public sealed class FileLookUpTests : ProjectingTest
{
    /// <summary>How often a file was sent.</summary>
    private const int Many = 100_000;

    /// <summary>The conversations of a user who is in many.</summary>
    private const int Memberships = 10_000;

    /// <summary>The most pages of one look-up: some for each reference or conversation that is looked at.</summary>
    private const int PagesMax = 500;

    private readonly UserId _ann = History.SomeUser();
    private readonly UserId _ben = History.SomeUser();
    private readonly FileId _everywhere = new(Guid.CreateVersion7());
    private readonly FileId _often = new(Guid.CreateVersion7());
    private readonly FileId _rare = new(Guid.CreateVersion7());

    [Fact]
    public async Task A_file_is_found_in_few_pages_however_often_it_was_sent_and_wherever_its_user_is()
    {
        var history = new History(Log);
        var conversation = await history.StartAsync(_ann, _ben);
        await using (var node = await StartNodeAsync())
            await node.CaughtUpAsync(history.Head);
        await FillAsync(conversation);
        await using var reader = Node.WithoutRunner(Database, Log);
        var database = reader.Get<NpgsqlDataSource>();
        var media = new PostgresMedia(database, new GarbageSignal());

        foreach (var (user, file, seq) in new[] { (_ben, _everywhere, 5), (_ben, _often, Many), (_ann, _rare, 5) })
        {
            var found = Assert.Single(await media.FindForAsync([(user, file)], default));
            Assert.Equal([new FileReference(conversation, seq)], found.References);
            foreach (var mode in new[] { "force_generic_plan", "force_custom_plan" })
            {
                var pages = await PagesAsync(database, mode, user, file);
                Assert.True(pages is > 0 and < PagesMax, $"{pages} pages with {mode} for {file}");
            }
        }

        // In many conversations, and sent to many: each conversation of the user is looked at, and no more.
        Assert.InRange(await PagesAsync(database, "force_generic_plan", _ann, _everywhere), 1, 6 * Memberships);
    }

    private async Task FillAsync(ConversationId conversation)
    {
        await using var connection = new NpgsqlConnection(Database.ConnectionString);
        await connection.OpenAsync();
        await using var command = new NpgsqlCommand(
            $"""
            INSERT INTO chat.mt_doc_members SELECT (jsonb_populate_record(m, jsonb_build_object(
                'id', gen_random_uuid()::text, 'conversation__id', gen_random_uuid()))).*
            FROM chat.mt_doc_members m, generate_series(1, {Memberships}) WHERE m.user__id = '{_ann}';
            INSERT INTO chat.mt_doc_members SELECT (jsonb_populate_record(m, jsonb_build_object(
                'id', gen_random_uuid()::text, 'user__id', gen_random_uuid(), 'conversation__id', gen_random_uuid()))).*
            FROM chat.mt_doc_members m, generate_series(1, {Memberships}) WHERE m.user__id = '{_ann}' AND m.conversation__id = '{conversation}';
            INSERT INTO chat.media_files (file_id, owner, sha256, file_type, content_type, uploaded_at, used_at)
            SELECT f, gen_random_uuid(), sha256(f::text::bytea), 'image', 'image/png', now(), now()
            FROM unnest(ARRAY['{_everywhere}', '{_often}', '{_rare}']::uuid[]) f;
            INSERT INTO chat.media_references (file_id, conversation_id, seq, message_id, at)
            SELECT '{_everywhere}', CASE WHEN n = 1 THEN '{conversation}'::uuid ELSE gen_random_uuid() END, 5, gen_random_uuid(), now()
            FROM generate_series(1, {Many}) n;
            INSERT INTO chat.media_references (file_id, conversation_id, seq, message_id, at)
            SELECT '{_often}', '{conversation}', n, gen_random_uuid(), now() FROM generate_series(1, {Many}) n;
            INSERT INTO chat.media_references (file_id, conversation_id, seq, message_id, at)
            SELECT gen_random_uuid(), gen_random_uuid(), 5, gen_random_uuid(), now() FROM generate_series(1, {Many / 5}) n
            UNION ALL SELECT '{_rare}', '{conversation}', 5, gen_random_uuid(), now();
            ANALYZE chat.mt_doc_members, chat.media_files, chat.media_references;
            """,
            connection)
        { CommandTimeout = 120 };
        await command.ExecuteNonQueryAsync();
    }

    /// <summary>The pages that PostgreSQL looks at for one look-up.</summary>
    private static async Task<int> PagesAsync(NpgsqlDataSource database, string mode, UserId user, FileId file)
    {
        await using var connection = await database.OpenConnectionAsync();
        await using (var prepare = new NpgsqlCommand(
            $"SET plan_cache_mode = {mode}; PREPARE find(uuid[], uuid[]) AS {PostgresMedia.FindForQuery}", connection))
        {
            await prepare.ExecuteNonQueryAsync();
        }

        await using var explain = new NpgsqlCommand(
            $"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) EXECUTE find(ARRAY['{user}']::uuid[], ARRAY['{file}']::uuid[])",
            connection);
        var plan = JsonSerializer.Deserialize<JsonElement>((string)(await explain.ExecuteScalarAsync())!)[0]
            .GetProperty("Plan");
        await using var end = new NpgsqlCommand("DEALLOCATE find; RESET plan_cache_mode", connection);
        await end.ExecuteNonQueryAsync();
        return plan.GetProperty("Shared Hit Blocks").GetInt32() + plan.GetProperty("Shared Read Blocks").GetInt32();
    }
}
