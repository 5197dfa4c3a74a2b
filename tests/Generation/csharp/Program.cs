// Ann registers and writes to Ben, with the client that Kiota made of the server's document.
using Generated;
using Generated.Models;
using Microsoft.Kiota.Abstractions.Authentication;
using Microsoft.Kiota.Http.HttpClientLibrary;

var (ann, _) = await SignInAsync("+12025550151");
var (ben, benId) = await SignInAsync("+12025550152");
var draft = new SendMessageBody
{
    MessageId = Guid.CreateVersion7().ToString(), ReceiverId = $"{benId}", Type = MessageType.Text, Text = "hello",
};
var sent = await ann.V1.Messages.PostAsync(draft);
var page = await ben.V1.Conversations.GetAsync();
var last = page!.Conversations![0].LastMessage;
draft.Text = "something else";
SendMessageProblem_code? refused = null;
try
{
    await ann.V1.Messages.PostAsync(draft);
}
catch (SendMessageProblem problem)
{
    refused = problem.Code;
}

Console.WriteLine(
    $"{last?.Seq == sent!.Seq} {last?.Text} {last?.Status} {refused == SendMessageProblem_code.Message_id_reused}");

async Task<(ChatApi Api, Guid? User)> SignInAsync(string phone)
{
    var stranger = Client(new HttpClient());
    var started = await stranger.V1.Registrations.PostAsync(new StartRegistrationBody { Phone = phone });
    var tokens = await stranger.V1.Registrations[started!.RegistrationId!.Value].Verification.PostAsync(
        new VerifyRegistrationBody
        {
            Code = started.Code, Device = new DeviceBody { Name = "Browser", Platform = "web" },
        });
    var http = new HttpClient();
    http.DefaultRequestHeaders.Authorization = new("Bearer", tokens!.AccessToken);
    return (Client(http), tokens.UserId);
}

ChatApi Client(HttpClient http) =>
    new(new HttpClientRequestAdapter(new AnonymousAuthenticationProvider(), httpClient: http) { BaseUrl = args[0] });
