using Microsoft.Net.Http.Headers;

namespace ChatCqrs.WebApi.Auditing;

/// <summary>
/// The page for auditors at <c>/audit</c>: files without any data, which call the API from the browser with the
/// auditor's own token.
/// </summary>
internal static class AuditPage
{
    public const string Path = "/audit";

    /// <summary>A browser asks each time, and gets an answer without a body while nothing has changed.</summary>
    private const string Caching = "no-cache";

    private const string Script = "text/javascript; charset=utf-8";

    /// <summary>Tells the files of one build from those of another.</summary>
    private static readonly EntityTagHeaderValue Tag =
        new($"\"{typeof(AuditPage).Assembly.ManifestModule.ModuleVersionId:N}\"");

    public static void MapAuditPage(this IEndpointRouteBuilder app)
    {
        Map(app, Path, "audit.html", "text/html; charset=utf-8");
        Map(app, Path + "/audit.css", "audit.css", "text/css; charset=utf-8");
        Map(app, Path + "/audit.js", "audit.js", Script);
        Map(app, Path + "/session.js", "session.js", Script);
    }

    private static void Map(IEndpointRouteBuilder app, string path, string file, string type)
    {
        var bytes = Read(file);
        app.MapGet(path, (HttpContext context) =>
        {
            context.Response.Headers.CacheControl = Caching;
            return TypedResults.Bytes(bytes, type, entityTag: Tag);
        }).ExcludeFromDescription().AllowAnonymous();
    }

    private static byte[] Read(string file)
    {
        using var stream = typeof(AuditPage).Assembly.GetManifestResourceStream(file)
            ?? throw new InvalidOperationException($"The file {file} is not in the assembly.");
        using var copy = new MemoryStream();
        stream.CopyTo(copy);
        return copy.ToArray();
    }
}
