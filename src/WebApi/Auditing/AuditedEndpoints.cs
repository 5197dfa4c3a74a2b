using ChatCqrs.Application;
using ChatCqrs.Application.Auditing;
using ChatCqrs.Application.Ports;
using ChatCqrs.Domain;
using ChatCqrs.WebApi.AccessControl;
using ChatCqrs.WebApi.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Routing.Patterns;

namespace ChatCqrs.WebApi.Auditing;

/// <summary>Endpoints that record who looks before they answer.</summary>
public static class AuditedEndpoints
{
    /// <summary>The query's parameter that names a matter.</summary>
    private const string MatterParameter = "matter";

    /// <summary>The longest scope that is recorded, in characters; the rest is cut off.</summary>
    private const int ScopeMax = 500;

    /// <summary>The parameters that say what is asked for; others, such as cursors, are not recorded.</summary>
    private static readonly string[] ScopeParameters =
    [
        "as_of", "as_of_seq", "after_seq", "from", "to", "from_seq", "to_seq", "user_id", "auditor", "stream", "log",
    ];

    /// <summary>
    /// Before the endpoint runs, opens the matter that <c>?matter=</c> names for the conversation in the path
    /// (<c>/conversations/{id}</c>), and records the access; without the record nothing is answered (503). The endpoint
    /// finds its <see cref="AuditedAnswer"/> among the request's features. Once it has ended, or was cut off, what was
    /// written is recorded. The endpoint needs a signed-in caller.
    /// </summary>
    /// <param name="call">The call's name in the record, in snake case.</param>
    public static RouteHandlerBuilder Audited(this RouteHandlerBuilder endpoint, string call)
    {
        endpoint.Add(builder =>
        {
            var answer = builder.RequestDelegate!;
            var pattern = ((RouteEndpointBuilder)builder).RoutePattern;
            var isOfConversation = IsOfConversation(pattern);
            builder.RequestDelegate = context => AuditAsync(context, call, isOfConversation, answer);
        });
        return endpoint;
    }

    private static async Task AuditAsync(HttpContext context, string call, bool isOfConversation, RequestDelegate next)
    {
        var caller = Caller.Of(context);
        var log = context.RequestServices.GetRequiredService<IAccessLog>();
        ConversationId? conversation = isOfConversation
            ? RouteIds.Conversation((string)context.GetRouteValue("id")!)
            : null;
        var matter = await MatterAsync(context, conversation, caller.User);
        var answer = new AuditedAnswer(matter);
        var access = await log.RecordAsync(
            new AuditAccess(
                caller.User, caller.Device, call, conversation, matter?.Id, ScopeOf(context.Request.Query),
                matter?.Content ?? false),
            context.RequestAborted);
        context.Features.Set(answer);
        var body = context.Features.GetRequiredFeature<IHttpResponseBodyFeature>();
        using var written = new WrittenBody(body.Stream, IsHead(context), context.RequestAborted);
        context.Response.Body = written;
        try
        {
            await next(context);
            await context.Response.BodyWriter.FlushAsync();
        }
        finally
        {
            context.Features.Set(body);
            await DeliveredAsync(context, log, access, answer.Entries, written);
        }
    }

    private static async Task<OpenedMatter?> MatterAsync(
        HttpContext context, ConversationId? conversation, UserId auditor)
    {
        if (!context.Request.Query.TryGetValue(MatterParameter, out var text))
            return null;
        if (!Uuids.TryParse(text.ToString(), out var id))
            throw new RefusedException(Refusal.MatterUnknown);
        return await context.RequestServices.GetRequiredService<IMatters>()
            .OpenAsync(new MatterId(id), conversation, auditor, context.RequestAborted);
    }

    /// <summary>The answer has gone out, so that a failure here can only be logged.</summary>
    private static async Task DeliveredAsync(
        HttpContext context, IAccessLog log, AccessId access, long entries, WrittenBody written)
    {
        try
        {
            await log.DeliveredAsync(access, entries, written.Sha256(), CancellationToken.None);
        }
        catch (StoreUnavailableException exception)
        {
            context.RequestServices.GetRequiredService<ILogger<AuditedAnswer>>().LogError(
                "The access {Access} is recorded, but not what was answered: {Reason}", access.Value,
                exception.Message);
        }
    }

    private static string? ScopeOf(IQueryCollection query)
    {
        var scope = string.Join('&', ScopeParameters
            .Where(query.ContainsKey).Select(name => $"{name}={query[name]}"));
        return scope.Length == 0 ? null : scope[..Math.Min(scope.Length, ScopeMax)];
    }

    private static bool IsHead(HttpContext context) => HttpMethods.IsHead(context.Request.Method);

    private static bool IsOfConversation(RoutePattern pattern) =>
        pattern.RawText?.Contains("/conversations/{id}", StringComparison.Ordinal) ?? false;
}
