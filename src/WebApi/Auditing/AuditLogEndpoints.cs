using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using ChatCqrs.Application.Auditing;
using ChatCqrs.Application.Ports;
using ChatCqrs.Domain;
using ChatCqrs.WebApi.AccessControl;
using ChatCqrs.WebApi.Http;
using MediatR;
using Microsoft.Extensions.Options;
using Microsoft.Net.Http.Headers;

namespace ChatCqrs.WebApi.Auditing;

/// <summary>
/// The logs that others can verify: checkpoints, tiles, entries and proofs (c2sp.org/tlog-tiles@v0.1.0,
/// c2sp.org/tlog-proof@v1).
/// </summary>
public static class AuditLogEndpoints
{
    internal static readonly Refusal TileUnknown = new(
        RefusalKind.Unknown, "tile_unknown", "The published log has no such tile.");

    internal static readonly Refusal BatchUnknown = new(
        RefusalKind.Unknown, "batch_unknown", "There is no such batch, or its heads are not kept any more.");

    /// <summary>A tile never changes.</summary>
    private const string Immutable = "max-age=31536000, immutable";

    /// <summary>A checkpoint is replaced by the next one.</summary>
    private const string Brief = "max-age=5";

    private const string Text = "text/plain; charset=utf-8";
    private const string Binary = "application/octet-stream";

    public static RouteGroupBuilder MapAuditLog(this RouteGroupBuilder api)
    {
        api.MapGet("/v1/audit/checkpoints", CheckpointsAsync).RequireAuthorization();
        MapLog(api, VerifiableLog.Heads, "heads");
        MapLog(api, VerifiableLog.Keys, "keys");
        var batches = api.MapGroup("/v1/audit/heads/batches/{number}").RequireAuthorization(RoleNames.Auditor);
        batches.MapGet("/tile/{**path}", BatchTileAsync);
        batches.MapGet("/openings", OpeningsAsync).Audited("openings");
        api.MapGet("/v1/audit/conversations/{id}/proof", ProofAsync).Audited("proof")
            .RequireAuthorization(RoleNames.Auditor);
        api.MapGet("/v1/conversations/{id}/proof", OwnProofAsync).RequireAuthorization();
        return api;
    }

    private static void MapLog(RouteGroupBuilder api, VerifiableLog log, string name)
    {
        var group = api.MapGroup($"/v1/audit/{name}").RequireAuthorization(AccessControlConventions.AuditLogReaders);
        group.MapGet("/checkpoint", (
            HttpResponse response, IAuditLog logs, IOptions<AuditOptions> options,
            CancellationToken cancellationToken) =>
            CheckpointAsync(log, response, logs, options.Value, cancellationToken));
        group.MapGet("/tile/{**path}", (
            string path, HttpResponse response, IAuditLog logs, IOptions<AuditOptions> options,
            CancellationToken cancellationToken) =>
            TileAsync(log, path, response, logs, options.Value, cancellationToken));
    }

    private static Task<GetCheckpoints.Result> CheckpointsAsync(
        string? log, string? cursor, string? limit, IMediator mediator, CancellationToken cancellationToken) =>
        mediator.Send(
            new GetCheckpoints.Query(LogOf(log), cursor, QueryValues.Int("limit", limit)), cancellationToken);

    private static VerifiableLog LogOf(string? name) => name switch
    {
        null or "heads" => VerifiableLog.Heads,
        "keys" => VerifiableLog.Keys,
        _ => throw new FluentValidation.ValidationException(
            [new FluentValidation.Results.ValidationFailure("log", "must be heads or keys.")]),
    };

    private static async Task<IResult> CheckpointAsync(
        VerifiableLog log, HttpResponse response, IAuditLog logs, AuditOptions options,
        CancellationToken cancellationToken)
    {
        var note = await logs.CheckpointAsync(log, cancellationToken)
            ?? throw new RefusedException(Refusal.NotLoggedYet);
        SetCaching(response, options.Public, Brief);
        return TypedResults.Text(note, Text);
    }

    private static async Task<IResult> TileAsync(
        VerifiableLog log, string path, HttpResponse response, IAuditLog logs, AuditOptions options,
        CancellationToken cancellationToken)
    {
        var tile = await logs.TileAsync(log, path, cancellationToken) ?? throw new RefusedException(TileUnknown);
        SetCaching(response, options.Public, Immutable);
        return Bytes(tile);
    }

    private static async Task<IResult> BatchTileAsync(
        string number, string path, HttpResponse response, IAuditLog logs, CancellationToken cancellationToken)
    {
        var tile = await logs.BatchTileAsync(NumberOf(number), path, cancellationToken)
            ?? throw new RefusedException(TileUnknown);
        SetCaching(response, isPublic: false, Immutable);
        return Bytes(tile);
    }

    private static async Task<IResult> OpeningsAsync(
        string number, IAuditLog logs, CancellationToken cancellationToken)
    {
        var heads = await logs.HeadsAsync(NumberOf(number), cancellationToken)
            ?? throw new RefusedException(BatchUnknown);
        return TypedResults.Stream(body => WriteAsync(heads, body, cancellationToken), Text);
    }

    private static long NumberOf(string text) =>
        long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var number)
            ? number
            : throw new RefusedException(BatchUnknown);

    private static async Task WriteAsync(
        IAsyncEnumerable<string> heads, Stream body, CancellationToken cancellationToken)
    {
        var separator = "";
        await foreach (var head in heads.WithCancellation(cancellationToken))
        {
            await body.WriteAsync(Encoding.UTF8.GetBytes(separator + head), cancellationToken);
            separator = "\n";
        }
    }

    private static async Task<IResult> ProofAsync(
        string id, IMediator mediator, HttpResponse response, CancellationToken cancellationToken) =>
        Proof(response, await mediator.Send(
            new GetProof.Query(null, RouteIds.Conversation(id)), cancellationToken));

    private static async Task<IResult> OwnProofAsync(
        string id, Caller caller, IMediator mediator, HttpResponse response, CancellationToken cancellationToken) =>
        Proof(response, await mediator.Send(
            new GetProof.Query(caller.User, RouteIds.Conversation(id)), cancellationToken));

    private static IResult Proof(HttpResponse response, string proof)
    {
        response.Headers.CacheControl = "no-store";
        return TypedResults.Text(proof, Text);
    }

    private static void SetCaching(HttpResponse response, bool isPublic, string lifetime) =>
        response.Headers.CacheControl = $"{(isPublic ? "public" : "private")}, {lifetime}";

    private static IResult Bytes(ReadOnlyMemory<byte> tile)
    {
        var hash = Convert.ToHexStringLower(SHA256.HashData(tile.Span));
        return TypedResults.Bytes(tile, Binary, entityTag: new EntityTagHeaderValue($"\"{hash}\""));
    }
}
