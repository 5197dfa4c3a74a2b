using System.IO.Pipelines;
using System.Security.Cryptography;
using System.Text.Json;
using System.Text.Json.Nodes;
using ChatCqrs.Application.Auditing;
using ChatCqrs.Application.Ports;
using ChatCqrs.Application.Retention;
using ChatCqrs.Application.Users;
using ChatCqrs.Domain;
using ChatCqrs.Infrastructure.Sealing;
using ChatCqrs.Infrastructure.Tests.Projecting;
using ChatCqrs.Testing;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Hosting.Internal;

namespace ChatCqrs.Infrastructure.Tests.Auditing;

/// <summary>The use cases of reading audits on a node, and their answers as one JSON document.</summary>
internal sealed class Auditor(Node node)
{
    private const int PageSize = 20;

    private static readonly JsonSerializerOptions Json = new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        Converters = { new Application.Json.TimestampConverter() },
    };

    /// <summary>What a node needs beside its read side.</summary>
    public static void Add(IServiceCollection services)
    {
        var key = Convert.ToBase64String(RandomNumberGenerator.GetBytes(SealingOptions.KeySize));
        var configuration = new ConfigurationBuilder()
            .AddInMemoryCollection([new("Sealing:MasterKeys:test", key)]).Build();
        services.AddSealing(configuration, new HostingEnvironment { EnvironmentName = Environments.Production }, "");
        services.AddAuditReading().AddSingleton<IAuditedContent, AuditedContent>().AddSingleton<ErasedUsers>()
            .AddSingleton<IHeld, InMemoryHeld>()
            .AddSingleton<MessageLifetimes>().AddOptions<RetentionOptions>();
    }

    /// <summary>All pages of the state, as the document that a replay makes.</summary>
    public async Task<JsonObject> StateAsync(
        ConversationId conversation, long? seq = null, string? time = null, OpenedMatter? matter = null)
    {
        var handler = ActivatorUtilities.CreateInstance<ShowState.Handler>(node.Get<IServiceProvider>());
        var query = new ShowState.Query(conversation, seq, time, null, PageSize, matter);
        var first = await handler.Handle(query, default);
        var entries = first.Entries.ToList();
        for (var next = first.NextCursor; next is not null;)
        {
            var page = await handler.Handle(query with { Cursor = next }, default);
            Assert.Equal((first.AsOfSeq, first.AsOf), (page.AsOfSeq, page.AsOf));
            entries.AddRange(page.Entries);
            next = page.NextCursor;
        }

        Assert.Equal(entries.OrderByDescending(entry => entry.Seq), entries);
        return new JsonObject
        {
            ["type"] = first.Type,
            ["title"] = first.Title,
            ["encryption"] = first.Encryption,
            ["retention"] = JsonSerializer.SerializeToNode(first.Retention, Json),
            ["members"] = new JsonObject(first.Members.Select(member => KeyValuePair.Create(
                member.UserId.ToString(),
                (JsonNode?)new JsonObject
                {
                    ["role"] = member.Role,
                    ["joined_seq"] = member.JoinedSeq,
                    ["delivered_seq"] = member.DeliveredSeq,
                    ["read_seq"] = member.ReadSeq,
                }))),
            ["entries"] = new JsonObject(entries.Select(entry => KeyValuePair.Create(
                $"{entry.Seq}", JsonSerializer.SerializeToNode(entry, Json)))),
        };
    }

    /// <summary>The lines of a replay.</summary>
    public async Task<IReadOnlyList<JsonNode>> ReplayAsync(
        ConversationId conversation, long? from = null, long? to = null, OpenedMatter? matter = null)
    {
        var handler = ActivatorUtilities.CreateInstance<ReplayConversation.Handler>(node.Get<IServiceProvider>());
        using var output = new MemoryStream();
        var (written, pipe) = (0, PipeWriter.Create(output));
        await handler.Handle(
            new ReplayConversation.Query(conversation, from, to, matter, false, pipe, () => written++), default);
        await pipe.CompleteAsync();
        var lines = System.Text.Encoding.UTF8.GetString(output.ToArray())
            .Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => JsonNode.Parse(line)!).ToList();
        Assert.Equal(lines.Count, written);
        return lines;
    }

    public Task<VerifyConversation.Result> VerifyAsync(ConversationId conversation) =>
        ActivatorUtilities.CreateInstance<VerifyConversation.Handler>(node.Get<IServiceProvider>())
            .Handle(new VerifyConversation.Query(History.SomeUser(), conversation), default);
}
