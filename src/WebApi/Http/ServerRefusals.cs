using System.Diagnostics;
using Microsoft.AspNetCore.Connections.Features;
using Microsoft.AspNetCore.Http.Features;

namespace ChatCqrs.WebApi.Http;

/// <summary>
/// What is no HTTP at all (a NUL in an address, a header without a name) Kestrel refuses by itself, before any middleware, with a bare status. It tells of it
/// by a diagnostic event, at a moment when the answer's head is set and not sent yet: here the head gets what every answer has, and a problem for its body.
/// A connection that is well-behaved pays nothing for it.
/// </summary>
internal sealed class ServerRefusals : IObserver<KeyValuePair<string, object?>>
{
    /// <summary>Documented in "Diagnostic sources: bad request server events" of ASP.NET Core.</summary>
    private const string BadRequest = "Microsoft.AspNetCore.Server.Kestrel.BadRequest";

    public static IApplicationBuilder Use(IApplicationBuilder app)
    {
        app.ApplicationServices.GetRequiredService<DiagnosticListener>().Subscribe(new ServerRefusals(), name => name == BadRequest);
        return app;
    }

    public void OnNext(KeyValuePair<string, object?> value)
    {
        if (value is not { Key: BadRequest, Value: IFeatureCollection features }
            || features.Get<IHttpResponseFeature>() is not { HasStarted: false } response)
            return;

        HttpConventions.SetSecurityHeaders(response.Headers, "");
        if (features.Get<ITlsConnectionFeature>() is not null)
            return; // An encrypted stream ends before its connection does: there is no room for a body.
        if (features.Get<IHttpRequestFeature>()?.Method != HttpMethods.Head)
            AddBody(features, response);
        response.Headers.Connection = "close";
        _ = features.Get<IHttpResponseBodyFeature>()?.StartAsync(); // Nobody asks to be called before, so the head is written at once.
    }

    private static void AddBody(IFeatureCollection features, IHttpResponseFeature response)
    {
        if (features.Get<IConnectionCompleteFeature>() is not { } connection
            || features.Get<IConnectionTransportFeature>()?.Transport.Output is not { } output)
            return;
        var body = Problems.OfStatus(response.StatusCode).ToBytes();
        response.Headers.ContentType = Problem.MediaType;
        response.Headers.ContentLength = body.Length;
        connection.OnCompleted(async _ => await output.WriteAsync(body), output);
    }

    public void OnCompleted()
    {
    }

    public void OnError(Exception error)
    {
    }
}
